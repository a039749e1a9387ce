//! What replicas cost and did, minute by minute.

use super::{Savings, TokenPrice, Usage};
use flotilla_crds::router_config::NanoUsd;
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;

/// Minutes that the present use is told by.
const MINUTES: usize = 60;
const SECONDS_A_MINUTE: i64 = 60;
/// A longer gap than this between two entries is not accounted for: another operator led.
const LONGEST_GAP: SignedDuration = SignedDuration::from_secs(60);

/// The last hour, and what was saved since the beginning.
#[derive(Debug, Clone)]
pub struct Ledger {
    closed: VecDeque<Minute>,
    open: Minute,
    last: Option<Timestamp>,
    /// The tokens of the last hour in which there were any.
    mix: Option<(u64, u64)>,
    savings: Savings,
}

/// Sums; fractions of tokens and seconds add up, too.
#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    number: i64,
    seconds: f64,
    /// Nano-dollars an hour, times seconds.
    hourly_seconds: f64,
    prompt_tokens: f64,
    completion_tokens: f64,
}

impl Ledger {
    /// Goes on from what was saved before.
    pub fn new(savings: Savings) -> Self {
        Self { closed: VecDeque::new(), open: Minute::default(), last: None, mix: None, savings }
    }

    /// Since the last entry the replicas cost so much an hour and served so many tokens a second. `price` is what the
    /// other backend asks.
    pub fn add(
        &mut self,
        now: Timestamp,
        hourly: NanoUsd,
        (prompt, completion): (f64, f64),
        price: Option<TokenPrice>,
    ) {
        let passed = self.last.replace(now).map_or(SignedDuration::ZERO, |last| now.duration_since(last));
        let seconds = if passed > LONGEST_GAP { 0.0 } else { passed.as_secs_f64().max(0.0) };
        let number = now.as_second().div_euclid(SECONDS_A_MINUTE);
        if number != self.open.number {
            self.close(price);
            self.open.number = number;
        }
        self.open.seconds += seconds;
        self.open.hourly_seconds += hourly.0 as f64 * seconds;
        self.open.prompt_tokens += prompt * seconds;
        self.open.completion_tokens += completion * seconds;
    }

    fn close(&mut self, price: Option<TokenPrice>) {
        let minute = std::mem::take(&mut self.open);
        if minute.seconds <= 0.0 {
            return;
        }
        if let (Some(price), Some(usage)) = (price, usage([minute])) {
            self.savings.add(&usage, price);
        }
        if self.closed.len() == MINUTES {
            self.closed.pop_front();
        }
        self.closed.push_back(minute);
        let tokens = self.usage().map(|usage| (usage.prompt_tokens, usage.completion_tokens));
        self.mix = tokens.filter(|tokens| *tokens != (0, 0)).or(self.mix);
    }

    /// Prompt and completion tokens of the last hour in which any were served.
    pub const fn mix(&self) -> Option<(u64, u64)> {
        self.mix
    }

    /// The last hour, or what was seen of it; none before the first whole minute.
    pub fn usage(&self) -> Option<Usage> {
        usage(self.closed.iter().copied())
    }

    /// What was saved, as far as a price was known.
    pub const fn savings(&self) -> Savings {
        self.savings
    }
}

fn usage(minutes: impl IntoIterator<Item = Minute>) -> Option<Usage> {
    let mut sum = Minute::default();
    for minute in minutes {
        sum.seconds += minute.seconds;
        sum.hourly_seconds += minute.hourly_seconds;
        sum.prompt_tokens += minute.prompt_tokens;
        sum.completion_tokens += minute.completion_tokens;
    }
    (sum.seconds > 0.0).then(|| Usage {
        hourly: NanoUsd(whole(sum.hourly_seconds / sum.seconds)),
        seconds: whole(sum.seconds).max(1),
        prompt_tokens: whole(sum.prompt_tokens),
        completion_tokens: whole(sum.completion_tokens),
    })
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates; sums are not negative"
)]
fn whole(sum: f64) -> u64 {
    sum.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: TokenPrice = TokenPrice { input: NanoUsd(1_000_000_000), output: NanoUsd(2_000_000_000) };
    /// 0.60 USD.
    const HOURLY: NanoUsd = NanoUsd(600_000_000);

    fn run(ledger: &mut Ledger, seconds: std::ops::Range<i64>, hourly: NanoUsd, served: (f64, f64)) {
        for second in seconds {
            let now = Timestamp::from_second(1_767_571_200 + second).unwrap();
            ledger.add(now, hourly, served, Some(PRICE));
        }
    }

    #[test]
    fn the_present_use_is_that_of_the_last_hour_and_savings_are_of_all_time() {
        let mut ledger = Ledger::new(Savings::remembered(7));
        run(&mut ledger, 0..60, HOURLY, (100.0, 50.0));
        assert_eq!(ledger.usage(), None, "no minute is over");
        run(&mut ledger, 60..3601, HOURLY, (100.0, 50.0));
        let usage = ledger.usage().unwrap();
        assert_eq!((usage.hourly, usage.seconds), (HOURLY, 3599), "the first entry has nothing before it");
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (359_900, 179_950));
        // 0.3599 + 2 x 0.17995 USD outside, 0.60 x 3599 / 3600 inside; each minute rounds its price up.
        let saved = ledger.savings().nanos();
        assert!((saved - (719_800_000 - 599_833_333)).abs() < 200, "{saved}");

        run(&mut ledger, 3601..7321, NanoUsd(0), (0.0, 0.0));
        let idle = ledger.usage().unwrap();
        assert_eq!((idle.hourly, idle.prompt_tokens), (NanoUsd(0), 0));
        let after = ledger.savings().nanos() - saved;
        assert!((0..40_000).contains(&after), "{after}: the last busy second, and then nothing costs");
        assert_eq!(ledger.mix(), Some((100, 50)), "of the last second in which there were any");
    }

    #[test]
    fn what_another_operator_saw_is_not_counted_twice() {
        let mut ledger = Ledger::new(Savings::default());
        run(&mut ledger, 0..60, HOURLY, (100.0, 0.0));
        run(&mut ledger, 7200..7320, HOURLY, (100.0, 0.0));
        assert_eq!(ledger.usage().unwrap().seconds, 59 + 59);
    }
}
