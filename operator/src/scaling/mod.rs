//! From what routers report to how many replicas each model gets.
//!
//! Routers report tokens ([`Reports`]); pods and nodes say what there is ([`Pods`], [`Facts`]); the decision is
//! [`crate::decide::scale`]'s; [`Autoscaler`] brings the three together once a second and posts the result on the
//! [`Board`], from where the reconciler takes it to the Deployment and the status.

mod autoscaler;
mod board;
mod cards;
mod economics;
mod engines;
mod facts;
mod gauges;
mod group;
mod hold;
mod learned;
mod member;
mod part;
mod pods;
mod policy;
mod pools;
mod reports;
mod spill;
mod start;
mod status;
mod targets;
#[cfg(test)]
mod tests;

pub use autoscaler::{Autoscaler, News, World};
pub use board::{Board, effective};
pub use economics::GpuPrice;
pub use engines::{EngineAddress, EngineReports, engines};
pub use facts::Facts;
pub use gauges::Gauges;
pub use hold::hold;
pub use pods::{Pods, by_model};
pub use policy::{InvalidScaling, policy};
pub use reports::{Reported, Reports};
pub use spill::{News as SpillNews, Outlet, news as spill_news, spilling, told as spill_told};
pub use start::Started;
pub use status::untold;
pub use targets::{Comparison, Targets};
