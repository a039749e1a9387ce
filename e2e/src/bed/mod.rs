//! The bed: a real Kubernetes with three GPU-labelled nodes on one Debian machine, without a container engine.
//!
//! Control plane, DNS and registry run on the host and listen on a bridge's address; each node is a network
//! namespace with its own containerd, kubelet and kube-proxy. Everything lies below one folder, in one cgroup
//! and on one bridge, so that taking the bed down can find all of it even after a crash.

mod apt;
mod cgroup;
mod containerd;
mod control_plane;
mod cpu;
mod dns;
mod down;
mod dra;
mod environment;

mod etcd;
mod faults;
mod gpu;
mod join;
mod kubeconfig;
mod kubectl;
mod kubelet;
mod kwok;
mod lock;
mod memory;
mod network;
mod node;
mod paths;
mod pki;
mod ports;
mod preflight;
mod process;
mod registry;
mod status;
mod tools;
mod up;
mod wait;

pub use apt::install as install_packages;
pub use containerd::forget_image;
pub use cpu::container_cpu;
pub use down::down;
pub use dra::{Devices, crash_dra, start_dra, stop_dra};
pub use environment::environment;
pub use faults::{kill_in_pod, pause};
pub use gpu::advertise;
pub use join::{join, kill_node, leave};
pub use kubectl::kubectl;
pub use kwok::{SIMULATED, start_kwok, stop_kwok};
pub use memory::{PodMemory, pod_memory};
pub use node::{Gpu, NODES, Node, Partition, SPARES};
pub use paths::{Paths, repository};
pub use registry::ADDRESS as REGISTRY;
pub use status::{Health, health};
pub use tools::{build_all as build_tools, program as tool};
pub use up::{Outcome, up};
