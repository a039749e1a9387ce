//! Where requests come from.

mod error;
mod read;
mod requests;
mod synthetic;
mod windows;

pub use error::TraceError;
pub use read::read;
pub use synthetic::Synthetic;

/// One request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    /// When it comes, in microseconds since the start.
    pub at: u64,
    /// Tokens to read.
    pub prompt: u32,
    /// Tokens to write.
    pub completion: u32,
}

/// Microseconds in a second.
pub const SECOND: u64 = 1_000_000;

/// A trace that can be replayed any number of times, with the same requests each time.
#[derive(Debug, Clone)]
pub enum Trace {
    /// Requests one by one.
    Requests(Vec<Arrival>),
    /// Rates from which requests are drawn.
    Rates(Rates),
}

pub use windows::{Rate, Rates};

impl Trace {
    /// The requests in the order in which they come.
    pub fn arrivals(&self) -> Box<dyn Iterator<Item = Arrival> + '_> {
        match self {
            Self::Requests(requests) => Box::new(requests.iter().copied()),
            Self::Rates(rates) => Box::new(rates.arrivals()),
        }
    }

    /// Seconds from the start to the last request.
    pub fn seconds(&self) -> u64 {
        match self {
            Self::Requests(requests) => requests.last().map_or(0, |last| last.at / SECOND + 1),
            Self::Rates(rates) => rates.seconds(),
        }
    }

    /// Lets requests come faster by a factor.
    pub fn faster(&mut self, speed: f64) {
        match self {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
            Self::Requests(requests) => {
                for request in requests {
                    request.at = (request.at as f64 / speed) as u64;
                }
            }
            Self::Rates(rates) => rates.faster(speed),
        }
    }
}
