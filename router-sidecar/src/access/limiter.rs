//! What one client has left of its limits, in this router.

use super::bucket::{Bucket, Level};
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// What a client may do in a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests; absent: any number.
    pub requests: Option<u64>,
    /// Tokens of prompts and answers together; absent: any number.
    pub tokens: Option<u64>,
}

/// Two buckets; the same object as long as any config names the client.
#[derive(Debug, Default)]
pub struct Limiter(Mutex<Buckets>);

#[derive(Debug, Default)]
struct Buckets {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

/// What is left, as clients are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    requests: Option<Level>,
    tokens: Option<Level>,
}

impl Limiter {
    /// Takes a request of so many tokens out of both buckets, or of none. Gives what is left, and how long to wait if
    /// the request must.
    pub fn admit(&self, limits: Limits, tokens: u64, now: Instant) -> (Standing, Option<Duration>) {
        let mut buckets = self.0.lock();
        let Buckets { requests: by_request, tokens: by_token } = &mut *buckets;
        let mut asked = [(limits.requests, by_request, 1), (limits.tokens, by_token, tokens)];
        let mut wait = Duration::ZERO;
        for (limit, bucket, amount) in &mut asked {
            if let Some(limit) = *limit {
                let bucket = bucket.get_or_insert_with(|| Bucket::full(limit, now));
                bucket.fill(limit, now);
                wait = wait.max(bucket.wait(limit, *amount));
            }
        }
        if wait.is_zero() {
            for (limit, bucket, amount) in &mut asked {
                if limit.is_some()
                    && let Some(bucket) = bucket
                {
                    bucket.take(i128::from(*amount));
                }
            }
        }
        let level = |limit: Option<u64>, bucket: &Option<Bucket>| Some((*bucket)?.level(limit?));
        let standing = Standing {
            requests: level(limits.requests, &buckets.requests),
            tokens: level(limits.tokens, &buckets.tokens),
        };
        (standing, Some(wait).filter(|wait| !wait.is_zero()))
    }

    /// What was taken for a request turned out to be another number of tokens.
    pub fn settle(&self, taken: u64, used: u64) {
        if let Some(bucket) = &mut self.0.lock().tokens {
            bucket.take(i128::from(used) - i128::from(taken));
        }
    }
}

/// OpenAI's names: limit, remaining, reset.
static REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
static TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

impl Standing {
    /// Writes `x-ratelimit-*`, in the place of those that a provider sent.
    pub fn write(&self, headers: &mut HeaderMap) {
        for (level, names) in [(self.requests, &REQUESTS), (self.tokens, &TOKENS)] {
            let Some(Level { limit, remaining, reset }) = level else {
                continue;
            };
            let values = [HeaderValue::from(limit), HeaderValue::from(remaining), in_words(reset)];
            for (name, value) in names.iter().zip(values) {
                headers.insert(name, value);
            }
        }
    }
}

/// `6m0s`, `1.5s` or `20ms`, as OpenAI writes it.
fn in_words(time: Duration) -> HeaderValue {
    let (minutes, seconds, millis) = (time.as_secs() / 60, time.as_secs() % 60, time.subsec_millis());
    let text = match (minutes, seconds, millis) {
        (0, 0, millis) => format!("{millis}ms"),
        (0, seconds, 0) => format!("{seconds}s"),
        (0, seconds, millis) => format!("{seconds}.{millis:03}s"),
        (minutes, seconds, _) => format!("{minutes}m{seconds}s"),
    };
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("0ms"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { requests: Some(2), tokens: Some(100) };

    #[test]
    fn a_request_takes_from_both_buckets_or_from_none() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        let (left, wait) = limiter.admit(LIMITS, 90, now);
        assert_eq!((left.requests.unwrap().remaining, left.tokens.unwrap().remaining, wait), (1, 10, None));
        let (left, wait) = limiter.admit(LIMITS, 40, now);
        assert_eq!((left.requests.unwrap().remaining, left.tokens.unwrap().remaining), (1, 10));
        assert_eq!(wait, Some(Duration::from_secs(18)));
        // The answer was shorter than thought.
        limiter.settle(90, 50);
        assert_eq!(limiter.admit(LIMITS, 40, now).1, None);
        assert_eq!(limiter.admit(LIMITS, 0, now).1, Some(Duration::from_secs(30)));
        assert_eq!(limiter.admit(Limits::default(), 1_000_000, now), (Standing::default(), None));
    }

    #[test]
    fn headers_are_those_of_openai() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        let mut headers = HeaderMap::new();
        limiter.admit(LIMITS, 75, now).0.write(&mut headers);
        let named = |name: &str| headers[name].to_str().unwrap();
        assert_eq!(named("x-ratelimit-limit-requests"), "2");
        assert_eq!(named("x-ratelimit-remaining-requests"), "1");
        assert_eq!(named("x-ratelimit-reset-requests"), "30s");
        assert_eq!(named("x-ratelimit-limit-tokens"), "100");
        assert_eq!(named("x-ratelimit-remaining-tokens"), "25");
        assert_eq!(named("x-ratelimit-reset-tokens"), "45s");
        for (millis, text) in
            [(0, "0ms"), (20, "20ms"), (1500, "1.500s"), (360_000, "6m0s"), (61_001, "1m1s")]
        {
            assert_eq!(in_words(Duration::from_millis(millis)), text);
        }
    }
}
