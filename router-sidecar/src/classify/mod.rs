//! Which data classes a request has by what is in it.
//!
//! The body's strings are decoded into a window of text that moves over them, whatever the body's size: escapes are
//! read, look-alikes of digits, dashes and blanks are made plain, and the parts of a message's content are joined, as
//! models read them. Over the window go the built-in [`detectors`] and the patterns of the policy. What is found is
//! only ever a name and a class; the text itself goes nowhere.

mod anchor;
mod begin;
mod compile;
mod context;
mod detectors;
mod patterns;
mod place;
mod scan;
mod sticky;
mod strings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
mod window;

pub use compile::Classifier;
pub use patterns::PatternError;
pub use sticky::Sticky;

/// What was found in a request, and the class that follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The detector or the pattern.
    pub by: String,
    /// The class, in lower case.
    pub class: String,
}
