//! Demand made up to show one thing each.

use super::{Rate, Rates, TraceError};
use clap::ValueEnum;

/// A shape of demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Synthetic {
    /// An hour at 20 requests per second, an hour at ten times that, an hour at 20.
    Step,
    /// Every half hour a minute at five times as much.
    Spikes,
    /// From 10 to 200 requests per second within an hour, and back.
    Ramp,
    /// Twenty minutes at 50 requests per second, forty without any.
    OnOff,
}

/// Tokens of a request: of the order of a chat turn.
const PROMPT: f64 = 400.0;
const COMPLETION: f64 = 120.0;

impl Synthetic {
    /// Its rates.
    ///
    /// # Errors
    /// Never: there are at least two moments in each shape.
    pub fn rates(self, seed: u64) -> Result<Rates, TraceError> {
        let hour = 3600.0;
        let points: Vec<(f64, f64)> = match self {
            Self::Step => levels(&[(hour, 20.0), (hour, 200.0), (hour, 20.0)]),
            Self::Spikes => levels(&[(1740.0, 20.0), (60.0, 100.0)].repeat(6)),
            Self::Ramp => vec![(0.0, 10.0), (hour, 200.0), (2.0 * hour, 10.0), (2.5 * hour, 10.0)],
            Self::OnOff => levels(&[(1200.0, 50.0), (2400.0, 0.0)].repeat(4)),
        };
        let rate = |(at, requests)| Rate { at, requests, prompt: PROMPT, completion: COMPLETION };
        Rates::new(points.into_iter().map(rate).collect(), 1.0, seed)
    }
}

/// Constant for a time each, changing within a millisecond.
fn levels(levels: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let mut now = 0.0;
    for (lasts, requests) in levels {
        points.extend([(now, *requests), (now + lasts - 0.001, *requests)]);
        now += lasts;
    }
    points
}
