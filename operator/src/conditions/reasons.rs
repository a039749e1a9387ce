//! Every reason that a condition or an event can have. docs/conditions.md explains each; a test compares.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Why a condition has its status, in one word.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Reason { $($(#[$doc])* $name),+ }

        impl Reason {
            /// The word itself.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }
        }

        /// All reasons, for the documentation's test.
        pub const fn documented() -> &'static [Reason] {
            &[$(Reason::$name),+]
        }
    };
}

reasons!(
    /// The spec can be carried out.
    Accepted,
    /// The spec contradicts itself or names something that does not exist.
    InvalidSpec,
    /// `spec.model.preset` is not in the catalogue.
    UnknownPreset,
    /// A child's name is taken by an object of somebody else.
    NameTaken,
    /// An older policy of the namespace claims one of the model names.
    Conflicted,
    /// The need was computed from the head of the model file.
    FileRead,
    /// The need was computed from the spec, or is declared in it; the file is not looked at.
    SpecOnly,
    /// The spec says otherwise than the model file; the file's figures are used.
    SpecContradictsFile,
    /// The head of the model file is being read.
    ReadingFile,
    /// The registry does not answer, or fails.
    RegistryUnreachable,
    /// The registry refuses the image.
    RegistryDenied,
    /// The hub, bucket or web server that has the model does not answer, or fails.
    SourceUnreachable,
    /// It refuses the file.
    SourceDenied,
    /// Its address leads into the cluster, which the operator does not allow.
    SourceRefused,
    /// The registry does not have the image that holds the model.
    ModelImageNotFound,
    /// The head of the file lies beyond what is read of a compressed layer, or its source gives no parts of files.
    FileHeadOutOfReach,
    /// There is a card that fits.
    Fits,
    /// No card of the cluster is large enough.
    NoFit,
    /// Cards are large enough, and none of them is free.
    NoFreeGPU,
    /// No node offers GPUs whose memory can be read.
    NoGPUNodes,
    /// The engine has loaded the model.
    Loaded,
    /// No replica is asked for.
    ScaledToZero,
    /// Pods are on their way.
    Starting,
    /// Pods wait for a node.
    Unschedulable,
    /// The image of the engine, or of what fetches its model, cannot be pulled.
    EngineImagePullFailed,
    /// The API server refuses the pods of the model's Deployment.
    PodsRefused,
    /// The node cannot make or start the engine's container.
    EngineNotStarted,
    /// The image that holds the model cannot be pulled or mounted.
    ModelPullFailed,
    /// The model file is not where the source says.
    ModelFileNotFound,
    /// The model file is damaged or of a kind that the engine does not read.
    ModelFileInvalid,
    /// A replica's model is being downloaded.
    Downloading,
    /// The source of the model is away or broke off; the download goes on where it ended.
    DownloadInterrupted,
    /// The source refuses the credentials, or wants some.
    DownloadUnauthorized,
    /// What was downloaded has another checksum than was promised.
    ChecksumMismatch,
    /// The disk of the cache cannot hold the model.
    DiskFull,
    /// The source answers what makes no sense, or the cache cannot be written.
    DownloadFailed,
    /// The engine was killed for memory.
    OutOfMemory,
    /// The engine ends by itself again and again.
    CrashLooping,
    /// As many replicas serve as were asked for.
    Serving,
    /// Fewer replicas serve than were asked for.
    Progressing,
    /// Every backend exists and has its key.
    Resolved,
    /// A backend names no `ModelDeployment` of the namespace.
    ModelDeploymentNotFound,
    /// A Secret that is named does not exist, or lacks its key.
    SecretNotFound,
    /// A backend's Secret lacks the key, or its value is no HTTP header value.
    SecretKeyInvalid,
    /// A backend's address leads into the cluster, which the operator does not allow.
    UpstreamRefused,
    /// A backend's Secret is being read.
    SecretLoading,
    /// A fleet backend has no ready replica.
    NoReadyReplicas,
    /// Every connected router follows the policy.
    Programmed,
    /// Routers have yet to acknowledge the policy.
    Pending,
    /// A router refused the policy.
    Rejected,
    /// No router that serves the policy is connected.
    NoRouters,
    /// Nothing is left to do.
    UpToDate,
    /// Nothing stands in the way.
    NotStalled,
    /// The API server refused or failed a write; it is tried again.
    ApplyFailed,
);
