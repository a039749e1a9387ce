//! What autoscaling rules make of a trace of requests: a discrete-event simulator that drives the operator's own
//! decision and models of the rules of other projects, and compares them with an oracle.

pub mod args;
pub mod compare;
pub mod engine;
pub mod oracle;
pub mod outcome;
pub mod page;
pub mod report;
pub mod rule;
pub mod run;
pub mod trace;
