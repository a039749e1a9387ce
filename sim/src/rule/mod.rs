//! Rules that say how many replicas there should be. A new one is a file and a line in [`RIVALS`].

mod flotilla;
mod hpa;
mod keda;
mod kpa;
mod kubeai;
mod mean;
mod plan;
mod saturation;

pub use flotilla::Flotilla;
pub use plan::Plan;

use crate::engine::{Machine, View};

/// A rule, asked once a second.
pub trait Rule {
    /// How many replicas there should be.
    fn decide(&mut self, view: &View) -> u32;
}

/// What a rule of another project has to be told about the replicas that it scales.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setting {
    /// What serves.
    pub machine: Machine,
    /// Requests in a replica that is always busy, on average over the trace.
    pub requests_per_replica: f64,
    /// Completion tokens per second of a replica that is always busy, on average over the trace.
    pub completions_per_replica: f64,
    /// The part of that which is aimed at.
    pub target: f64,
}

/// A rule of another project.
#[derive(Debug, Clone, Copy)]
pub struct Rival {
    /// For `--rules`.
    pub name: &'static str,
    /// Makes one.
    pub new: fn(Setting) -> Box<dyn Rule>,
}

/// The rules of other projects.
pub const RIVALS: [Rival; 5] = [
    Rival { name: "kubeai", new: |setting| Box::new(kubeai::KubeAi::new(setting)) },
    Rival { name: "hpa", new: |setting| Box::new(hpa::running(setting)) },
    Rival { name: "keda", new: |setting| Box::new(keda::Keda::new(setting)) },
    Rival { name: "wva", new: |setting| Box::new(saturation::Saturation::new(setting)) },
    Rival { name: "kpa", new: |setting| Box::new(kpa::Kpa::new(setting)) },
];

/// The smallest whole number of replicas, at least one: no rule is compared at zero.
fn replicas(wanted: f64) -> u32 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    let whole = (wanted - 1e-9).ceil() as u32;
    whole.max(1)
}
