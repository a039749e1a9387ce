//! The fleet: requests, replicas, and the clock.

mod fleet;
mod replica;
mod simulate;
mod view;

pub use replica::Machine;
pub use simulate::simulate;
pub use view::View;
