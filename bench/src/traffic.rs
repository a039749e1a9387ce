//! What clients send and what the engine answers: the same bytes for every gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How the engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// One JSON document.
    Json,
    /// Server-sent events, each written by itself as an engine does that generates token by token.
    Stream {
        /// Events with text, before `[DONE]`.
        events: u32,
        /// Milliseconds between two events.
        gap_ms: u32,
    },
}

impl Answer {
    /// Events that a client sees: those with text, and `[DONE]`.
    pub fn events(self) -> u32 {
        match self {
            Self::Json => 0,
            Self::Stream { events, .. } => events + 1,
        }
    }
}

/// How the engine answers from now on; shared by load and mock, so that no header has to carry it.
#[derive(Debug, Clone, Default)]
pub struct Script(Arc<[AtomicU32; 2]>);

impl Script {
    /// Answers like this from now on.
    pub fn set(&self, answer: Answer) {
        let (events, gap) = match answer {
            Answer::Json => (0, 0),
            Answer::Stream { events, gap_ms } => (events, gap_ms),
        };
        self.0[0].store(events, Ordering::Relaxed);
        self.0[1].store(gap, Ordering::Relaxed);
    }

    /// Events with text (none: a JSON document) and the time between two.
    pub(crate) fn get(&self) -> (u32, Duration) {
        let gap = Duration::from_millis(self.0[1].load(Ordering::Relaxed).into());
        (self.0[0].load(Ordering::Relaxed), gap)
    }
}

/// The key that clients send; gateways that insist on one are given it.
pub const KEY: &str = "sk-of-the-application-in-the-bench";

/// A whole request with a body of `body_bytes`, with the headers that the official Python client sends.
pub fn request(model: &str, stream: bool, body_bytes: usize) -> Vec<u8> {
    let head = format!(
        r#"{{"model":"{model}","temperature":0.2,"stream":{stream},"messages":[{{"role":"user","content":""#
    );
    let tail = r#""}]}"#;
    let words = "Summarise the following notes for a colleague. ";
    let mut body = head;
    while body.len() + tail.len() < body_bytes {
        let left = body_bytes - body.len() - tail.len();
        body.push_str(words.get(..left.min(words.len())).unwrap_or_default());
    }
    body.push_str(tail);
    let headers = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: router.bench\r\nAccept-Encoding: gzip, deflate\r\n\
         Connection: keep-alive\r\nAccept: application/json\r\nContent-Type: application/json\r\n\
         User-Agent: OpenAI/Python 1.99.9\r\nX-Stainless-Lang: python\r\nX-Stainless-Package-Version: 1.99.9\r\n\
         X-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\n\
         X-Stainless-Runtime-Version: 3.13.5\r\nX-Stainless-Async: false\r\nX-Stainless-Retry-Count: 0\r\n\
         X-Stainless-Read-Timeout: 600\r\nAuthorization: Bearer {KEY}\r\n\
         X-Data-Class: internal\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [headers.into_bytes(), body.into_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_the_size_asked_for() {
        for size in [300, 16 * 1024, 200_000] {
            let request = request("assistant", true, size);
            let head = memchr::memmem::find(&request, b"\r\n\r\n").unwrap() + 4;
            assert_eq!(request.len() - head, size);
            assert!(String::from_utf8(request).unwrap().contains(&format!("Content-Length: {size}\r\n")));
        }
    }
}
