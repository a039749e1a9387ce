//! Whether a model's requests are to go outside now, why, and how many of them.
//!
//! Pure: what there is and what is asked go in. A model without a serving replica gives away all requests; one that is
//! overloaded only what is too much. Demand is counted whether it goes outside or not, so that sending some away does
//! not make the model look idle. [`Memory`] keeps requests outside a little longer than they have to be there.

mod memory;
mod outlook;

pub use memory::{Memory, Spilling};
pub use outlook::{Load, Outlook};
