//! A server on a loopback port that answers each request with whatever bytes the test makes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// How a client begins that expects TLS.
const TLS_HANDSHAKE: [u8; 1] = [0x16];

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) path: String,
    /// The bytes that it asks for, the last one included.
    pub(crate) range: Option<(usize, usize)>,
}

/// A running server; it stops when it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Asked>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers one request after the other, each on a connection of its own. Nothing to answer keeps the connection
    /// open until the server stops.
    pub(crate) fn start(answer: impl Fn(&Asked) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, log) = (stop.clone(), seen.clone());
        let thread = std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Some((mut stream, asked)) = stream.ok().and_then(asked) else { continue };
                log.lock().unwrap().push(asked.clone());
                let bytes = answer(&asked);
                // The client may have gone after the part that it wanted.
                let _ = stream.write_all(&bytes);
                if bytes.is_empty() {
                    open.push(stream);
                }
            }
        });
        Self { address, stop, seen, thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Asked> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread, which waits for a connection.
        drop(TcpStream::connect(self.address));
        self.thread.take().map(JoinHandle::join);
    }
}

fn asked(mut stream: TcpStream) -> Option<(TcpStream, Asked)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        if byte == TLS_HANDSHAKE {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            return None;
        }
        head.extend(byte);
    }
    let head = String::from_utf8(head).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    let head = head.to_lowercase();
    let range = head.split("range: bytes=").nth(1).and_then(|rest| {
        let (from, to) = rest.lines().next()?.split_once('-')?;
        Some((from.parse().ok()?, to.parse().ok()?))
    });
    Some((stream, Asked { path, range }))
}

/// An answer with a body of its stated length.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// The part of `content` that was asked for, as a server with ranges answers.
pub(crate) fn part(content: &[u8], asked: &Asked) -> Vec<u8> {
    let size = content.len();
    let Some((from, last)) = asked.range else { return answer("200 OK", "", content) };
    let end = (last + 1).min(size);
    if from >= end {
        return answer("416 Range Not Satisfiable", &format!("content-range: bytes */{size}\r\n"), b"");
    }
    let range = format!("content-range: bytes {from}-{}/{size}\r\n", end - 1);
    answer("206 Partial Content", &range, &content[from..end])
}
