//! Labels and annotations that Flotilla reads and writes.

/// On an application pod: `enabled` asks for a router sidecar from the policies whose selector matches.
pub const INJECT: &str = "flotilla.dev/inject";
/// The value of [`INJECT`] that asks for it.
pub const INJECT_ENABLED: &str = "enabled";
/// On engine pods and their Services: the `ModelDeployment` they belong to.
pub const MODEL_DEPLOYMENT: &str = "flotilla.dev/model-deployment";
/// On Secrets: the `RoutingPolicy` that their `apiKey` is a client's key of.
pub const CLIENT_OF: &str = "flotilla.dev/client-of";
/// On gateway pods: the `RoutingPolicy` they serve.
pub const GATEWAY: &str = "flotilla.dev/gateway";
/// On a pod template: the hash of what was rendered, and the version of the hash.
pub const TEMPLATE_HASH: &str = "flotilla.dev/template-hash";
/// On a Deployment: the pod template that was last applied, as JSON, so that an edit of it can be undone by any version.
pub const TEMPLATE: &str = "flotilla.dev/template";
/// On an engine pod that is to go: since when. Routers do not send it requests any more.
pub const DRAINING_SINCE: &str = "flotilla.dev/draining-since";
/// On such a pod, too, for the cluster: of pods that serve, the one with the lowest goes first.
pub const POD_DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// On nodes: what one GPU costs in an hour, in USD: `0.80`.
pub const GPU_HOURLY_PRICE: &str = "flotilla.dev/gpu-hourly-price";
/// On every child: who made it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`].
pub const MANAGER: &str = "flotilla";
/// What a child is: `engine` or `gateway`.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// Written by NVIDIA's GPU feature discovery: memory of one GPU of the node, in MiB.
pub const GPU_MEMORY: &str = "nvidia.com/gpu.memory";
/// Likewise: the name of the product.
pub const GPU_PRODUCT: &str = "nvidia.com/gpu.product";
/// The extended resource that counts GPUs.
pub const GPU_RESOURCE: &str = "nvidia.com/gpu";
/// Likewise: how many pods share one GPU of the node; 1 where none do.
pub const GPU_REPLICAS: &str = "nvidia.com/gpu.replicas";
/// Likewise: `none`, `time-slicing` or `mps`.
pub const GPU_SHARING: &str = "nvidia.com/gpu.sharing-strategy";
/// Likewise, on nodes all of whose GPUs are partitioned alike (MIG strategy `single`): slices of one partition. The
/// product and the memory are then those of a partition, too.
pub const GPU_SLICES: &str = "nvidia.com/gpu.slices.gi";
/// What the extended resources for partitions of a profile, and the labels that describe them, begin with (MIG strategy
/// `mixed`).
pub const MIG_RESOURCE: &str = "nvidia.com/mig-";
