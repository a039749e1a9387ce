//! What clients send and what the engine answers: the same bytes for every gateway.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How the engine answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// One JSON document.
    Json,
    /// Server-sent events, each written by itself as an engine does that generates token by token.
    Stream {
        /// Events with text, before `[DONE]`.
        events: u32,
        /// When the next one is written.
        pace: Pace,
    },
}

/// When an engine writes its next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// So long after the last one.
    Gap(Duration),
    /// When the client has the last one, so that no two are ever on the way together however slow a gateway is: its
    /// work for a stream is then the same in every run. For one stream at a time.
    Seen,
}

impl Pace {
    /// So many milliseconds after the last one.
    pub const fn ms(gap: u64) -> Self {
        Self::Gap(Duration::from_millis(gap))
    }
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
#[derive(Debug, Clone)]
pub struct Script(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    answer: Mutex<Answer>,
    /// Events that the client has and the mock has not answered with the next one.
    seen: Semaphore,
}

impl Default for Script {
    fn default() -> Self {
        Self(Arc::new(Shared { answer: Mutex::new(Answer::Json), seen: Semaphore::new(0) }))
    }
}

impl Script {
    /// Answers like this from now on.
    pub fn set(&self, answer: Answer) {
        *self.0.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// What is to be answered.
    pub(crate) fn get(&self) -> Answer {
        *self.0.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client has so many events more.
    pub(crate) fn saw(&self, events: usize) {
        self.0.seen.add_permits(events);
    }

    /// A stream begins: its client has none of its events.
    pub(crate) fn begin(&self) {
        self.0.seen.forget_permits(usize::MAX);
    }

    /// Waits until the client has one event more.
    pub(crate) async fn seen(&self) {
        if let Ok(permit) = self.0.seen.acquire().await {
            permit.forget();
        }
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
