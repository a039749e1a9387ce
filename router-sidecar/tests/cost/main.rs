//! What a request costs in allocations and in instructions: figures that do not depend on what else the machine
//! does, each with the most that is accepted. Whoever makes a request dearer raises the bound here and says why;
//! whoever makes it cheaper lowers it.

#![allow(
    clippy::unwrap_used,
    reason = "a failed unwrap in a test is a failed test; clippy does not see that functions here are tests too"
)]

mod allocations;
mod counting;
mod instructions;
