//! An upstream whose answer is given byte for byte, for what no stand-in says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a request gets, by its body.
type Answers = dyn Fn(&str) -> String + Send + Sync;

/// Gives every request the same answer, or one that its body decides.
pub(crate) struct Raw {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Raw {
    pub(crate) async fn start(answer: String) -> Self {
        Self::deciding(move |_| answer.clone()).await
    }

    pub(crate) async fn deciding(answers: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let (answers, count): (Arc<Answers>, _) = (Arc::new(answers), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answers), Arc::clone(&count)));
            }
        });
        Self { address, asked }
    }

    /// Requests so far.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, answers: Arc<Answers>, asked: Arc<AtomicUsize>) {
    let mut seen = Vec::new();
    loop {
        // Every request of these tests ends with its JSON.
        while !(seen.ends_with(b"}") && seen.windows(4).any(|four| four == b"\r\n\r\n")) {
            if stream.read_buf(&mut seen).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let request = String::from_utf8_lossy(&seen);
        let answer = answers(request.split_once("\r\n\r\n").map_or("", |(_, body)| body));
        seen.clear();
        asked.fetch_add(1, Ordering::SeqCst);
        let written = stream.write_all(answer.as_bytes()).await;
        if written.is_err() || answer.contains("connection: close") {
            return;
        }
    }
}

/// A stream whose body comes in these chunks.
pub(crate) fn chunked(chunks: &[&str]) -> String {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunks = chunks.iter().map(|chunk| format!("{:x}\r\n{chunk}\r\n", chunk.len()));
    let body: Vec<_> = chunks.collect();
    format!("{head}{}0\r\n\r\n", body.concat())
}

/// A stream whose body ends with the connection.
pub(crate) fn until_close(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{body}")
}

/// An answer in one piece.
pub(crate) fn whole(status: &str, body: &str) -> String {
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}", body.len());
    format!("{head}\r\n\r\n{body}")
}

/// An event with a piece of text.
pub(crate) fn says(text: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}
