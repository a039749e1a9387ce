//! Rates in windows, from which requests are drawn.

use super::read::lines;
use super::{Arrival, SECOND, TraceError};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

pub(super) const HEADER: [&str; 5] =
    ["t_s", "req_per_s", "covered_req_per_s", "covered_in_tok_per_s", "covered_out_tok_per_s"];

/// Seconds in a day.
const DAY: f64 = 86_400.0;
/// Spread of prompt lengths: the standard deviation of their logarithm. Production prompts are heavy-tailed (ServeGen,
/// arXiv:2505.09999); the exact spread is an assumption.
const PROMPT_SPREAD: f64 = 1.0;
/// No request is longer, in tokens.
const LONGEST: f64 = 32_000.0;

/// What comes at one moment; between two moments it changes evenly.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    /// Seconds since the start.
    pub at: f64,
    /// Requests per second.
    pub requests: f64,
    /// Prompt tokens of a request, on average.
    pub prompt: f64,
    /// Completion tokens of a request, on average.
    pub completion: f64,
}

impl Rate {
    /// What comes at a moment between this one and another.
    fn towards(&self, other: &Self, at: f64) -> Self {
        let part = (at - self.at) / (other.at - self.at);
        let between = |from: f64, to: f64| from + (to - from) * part;
        Self {
            at,
            requests: between(self.requests, other.requests),
            prompt: between(self.prompt, other.prompt),
            completion: between(self.completion, other.completion),
        }
    }
}

/// Rates over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Rates {
    rates: Vec<Rate>,
    seed: u64,
}

/// Windows as ServeGen has them: token rates are of the clients that it covers, and hold for all requests alike.
pub(super) fn read(text: &str) -> Result<Vec<Rate>, TraceError> {
    let mut rates = Vec::new();
    for (line, text) in lines(text) {
        let malformed = || TraceError::Line { line, text: text.to_owned() };
        let numbers: Vec<f64> = text
            .split(',')
            .map(|column| column.trim().parse())
            .collect::<Result<_, _>>()
            .map_err(|_| malformed())?;
        let [at, requests, covered, prompt, completion] = numbers[..] else { return Err(malformed()) };
        if !(numbers.iter().all(|number| number.is_finite() && *number >= 0.0) && covered > 0.0) {
            return Err(malformed());
        }
        if rates.last().is_some_and(|last: &Rate| last.at >= at) {
            return Err(TraceError::Order(line));
        }
        rates.push(Rate { at, requests, prompt: prompt / covered, completion: completion / covered });
    }
    Ok(rates)
}

impl Rates {
    /// A share of the requests.
    ///
    /// # Errors
    /// Fewer than two moments.
    pub fn new(rates: Vec<Rate>, share: f64, seed: u64) -> Result<Self, TraceError> {
        if rates.len() < 2 {
            return Err(TraceError::Empty);
        }
        let rates = rates.into_iter().map(|rate| Rate { requests: rate.requests * share, ..rate }).collect();
        Ok(Self { rates, seed })
    }

    /// Only these days, counted from 1.
    ///
    /// # Errors
    /// The trace does not have them.
    pub fn days(&self, first: u32, last: u32) -> Result<Self, TraceError> {
        let start = f64::from(first - 1) * DAY;
        let within = self.rates.iter().filter(|rate| rate.at >= start && rate.at < f64::from(last) * DAY);
        let rates = within.map(|rate| Rate { at: rate.at - start, ..*rate }).collect();
        Self::new(rates, 1.0, self.seed)
    }

    /// Compressed in time.
    pub fn faster(&mut self, speed: f64) {
        for rate in &mut self.rates {
            rate.at /= speed;
            rate.requests *= speed;
        }
    }

    /// What comes at a moment.
    pub fn at(&self, second: f64) -> Rate {
        let next = self.rates.partition_point(|rate| rate.at <= second);
        let before = next.checked_sub(1).and_then(|before| self.rates.get(before));
        match (before, self.rates.get(next)) {
            (Some(before), Some(next)) => before.towards(next, second),
            (Some(only), None) | (None, Some(only)) => *only,
            (None, None) => Rate::default(),
        }
    }

    pub(super) fn seconds(&self) -> u64 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        self.rates.last().map_or(0, |last| last.at.ceil() as u64)
    }

    /// Requests of a Poisson process; prompts are log-normal, completions exponential in length.
    pub(super) fn arrivals(&self) -> impl Iterator<Item = Arrival> + '_ {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        let most = self.rates.iter().map(|rate| rate.requests).fold(f64::MIN_POSITIVE, f64::max);
        let end = self.rates.last().map_or(0.0, |last| last.at);
        let mut now = self.rates.first().map_or(0.0, |first| first.at);
        let mut window = 0;
        std::iter::from_fn(move || {
            loop {
                // Thinning: candidates at the highest rate, of which as many are taken as the moment's rate asks for.
                now += exponential(&mut random) / most;
                if now >= end {
                    return None;
                }
                while self.rates.get(window + 1).is_some_and(|next| next.at <= now) {
                    window += 1;
                }
                let (from, to) = (self.rates.get(window)?, self.rates.get(window + 1)?);
                let rate = from.towards(to, now);
                if random.random::<f64>() * most > rate.requests {
                    continue;
                }
                let prompt = rate.prompt * lognormal(&mut random);
                let completion = rate.completion * exponential(&mut random);
                return Some(Arrival {
                    at: micros(now),
                    prompt: tokens(prompt),
                    completion: tokens(completion),
                });
            }
        })
    }
}

/// Of mean 1.
fn exponential(random: &mut Xoshiro256PlusPlus) -> f64 {
    -(1.0 - random.random::<f64>()).ln()
}

/// Of mean 1.
fn lognormal(random: &mut Xoshiro256PlusPlus) -> f64 {
    let (radius, angle) = (1.0 - random.random::<f64>(), random.random::<f64>());
    let normal = (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos();
    (PROMPT_SPREAD * normal - PROMPT_SPREAD * PROMPT_SPREAD / 2.0).exp()
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded")]
fn tokens(length: f64) -> u32 {
    length.round().clamp(1.0, LONGEST) as u32
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn micros(seconds: f64) -> u64 {
    (seconds * SECOND as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates() -> Rates {
        let rate = |at, requests| Rate { at, requests, prompt: 150.0, completion: 20.0 };
        Rates::new(vec![rate(0.0, 100.0), rate(1000.0, 300.0), rate(2000.0, 0.0)], 0.5, 7).unwrap()
    }

    #[test]
    fn requests_follow_the_rates_and_the_seed() {
        let drawn: Vec<_> = rates().arrivals().collect();
        assert_eq!(drawn, rates().arrivals().collect::<Vec<_>>());
        let expected = 0.5 * (200.0 * 1000.0 + 150.0 * 1000.0);
        assert!((drawn.len() as f64 / expected - 1.0).abs() < 0.02, "{}", drawn.len());
        let mean = |of: fn(&Arrival) -> u32| {
            drawn.iter().map(|a| f64::from(of(a))).sum::<f64>() / drawn.len() as f64
        };
        assert!((mean(|a| a.prompt) / 150.0 - 1.0).abs() < 0.03);
        assert!((mean(|a| a.completion) / 20.0 - 1.0).abs() < 0.03);
        assert!(drawn.windows(2).all(|pair| pair[0].at <= pair[1].at));
    }

    #[test]
    fn between_two_moments_rates_change_evenly() {
        for (second, requests) in
            [(-1.0, 50.0), (0.0, 50.0), (250.0, 75.0), (1000.0, 150.0), (1500.0, 75.0), (9000.0, 0.0)]
        {
            let found = rates().at(second).requests;
            assert!((found - requests).abs() < 1e-9, "at {second}: {found}");
        }
    }

    #[test]
    fn servegens_windows_scale_covered_clients_to_all() {
        let text = format!("{}\n0,800,200,40000,6000\n600,400,200,20000,3000\n", HEADER.join(","));
        let rates = read(&text).unwrap();
        assert_eq!(rates[0], Rate { at: 0.0, requests: 800.0, prompt: 200.0, completion: 30.0 });
        assert!(matches!(read(&format!("{text}600,1,1,1,1\n")), Err(TraceError::Order(4))));
        assert!(matches!(read(&format!("{text}1200,1,0,1,1\n")), Err(TraceError::Line { line: 4, .. })));
    }
}
