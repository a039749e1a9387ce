//! The clients: keep-alive connections in a closed loop, each sending its next request when the answer is whole.

use crate::mock::{STAMP, STAMP_DIGITS, content_length};
use crate::stats::Times;
use crate::traffic::{Answer, Pace, Script};
use anyhow::{Context, ensure};
use memchr::memmem;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What all connections of one run saw together.
#[derive(Debug, Default)]
pub struct Tally {
    /// Answers that are whole.
    pub answers: u64,
    /// Events received.
    pub events: u64,
    /// From the request to the end of its answer.
    pub whole: Times,
    /// From the request to the first byte of the answer's body.
    pub first: Times,
    /// From the mock's write of an event to its arrival at the client.
    pub lag: Times,
    /// Streams whose first event has come and whose end has not.
    pub open: usize,
}

impl Tally {
    /// Forgets what the warm-up saw; streams stay open.
    pub fn restart(&mut self) {
        (self.answers, self.events) = (0, 0);
        for times in [&mut self.whole, &mut self.first, &mut self.lag] {
            times.clear();
        }
    }
}

/// One client's needs.
#[derive(Debug, Clone)]
pub struct Client {
    /// Where to send.
    pub address: SocketAddr,
    /// The bytes to send, head and body.
    pub request: Rc<[u8]>,
    /// What must come back.
    pub answer: Answer,
    /// Shared with the mock, which may wait for what this client has seen.
    pub script: Script,
    /// What began before all runs: the zero of the mock's stamps.
    pub epoch: Instant,
}

/// An answer that does not move for so long is a fault of the gateway.
const STALL: Duration = Duration::from_mins(1);

impl Client {
    /// Sends request after request, at most `count`, until dropped.
    ///
    /// # Errors
    /// An answer is not the one expected.
    pub async fn run(self, tally: Rc<RefCell<Tally>>, count: u64) -> anyhow::Result<()> {
        let mut stream = TcpStream::connect(self.address).await.context("connect to the gateway")?;
        stream.set_nodelay(true)?;
        let mut buffer = vec![0; 64 * 1024];
        for _ in 0..count {
            let answer = self.exchange(&mut stream, &mut buffer, &tally);
            tokio::time::timeout(STALL, answer).await.context("an answer stalled")??;
        }
        Ok(())
    }

    async fn exchange(
        &self,
        stream: &mut TcpStream,
        buffer: &mut [u8],
        tally: &RefCell<Tally>,
    ) -> anyhow::Result<()> {
        let sent = Instant::now();
        stream.write_all(&self.request).await?;
        let mut filled = 0;
        let head = loop {
            let read = stream.read(&mut buffer[filled..]).await?;
            ensure!(read > 0, "the gateway hung up: {}", String::from_utf8_lossy(&buffer[..filled]));
            filled += read;
            if let Some(end) = memmem::find(&buffer[..filled], b"\r\n\r\n") {
                break end + 4;
            }
        };
        ensure!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..filled]));
        match self.answer {
            Answer::Json => {
                let length = content_length(&buffer[..head]);
                ensure!(length > 0, "a JSON answer without its length");
                while filled < head + length {
                    let read = stream.read(&mut buffer[filled..]).await?;
                    ensure!(read > 0, "the gateway hung up in an answer");
                    filled += read;
                }
                tally.borrow_mut().first.add(sent.elapsed());
            }
            Answer::Stream { .. } => {
                buffer.copy_within(head..filled, 0);
                self.events(stream, buffer, filled - head, sent, tally).await?;
            }
        }
        let mut tally = tally.borrow_mut();
        tally.answers += 1;
        tally.whole.add(sent.elapsed());
        Ok(())
    }

    /// Reads a chunked body to its end; the first `filled` bytes are there.
    async fn events(
        &self,
        stream: &mut TcpStream,
        buffer: &mut [u8],
        mut filled: usize,
        sent: Instant,
        tally: &RefCell<Tally>,
    ) -> anyhow::Result<()> {
        const END: &[u8] = b"\r\n0\r\n\r\n";
        let (paced, in_turn) = match self.answer {
            Answer::Stream { pace: Pace::Gap(gap), .. } => (!gap.is_zero(), false),
            Answer::Stream { pace: Pace::Seen, .. } => (true, true),
            Answer::Json => (false, false),
        };
        let mut seen = 0;
        // What may be the beginning of a mark that goes on in the next piece.
        let mut kept = 0;
        loop {
            if filled > kept {
                let now = Instant::now();
                let new = &buffer[..filled];
                // Chunk ends come after each event's empty line, so a pair of line feeds is the end of an event.
                let ends = memmem::find_iter(new, b"\n\n").filter(|at| at + 2 > kept).count();
                let mut tally = tally.borrow_mut();
                if seen == 0 && ends > 0 {
                    tally.first.add(now - sent);
                    tally.open += 1;
                }
                seen += ends as u64;
                tally.events += ends as u64;
                if in_turn {
                    self.script.saw(ends);
                }
                if paced {
                    self.lags(new, kept, now, &mut tally.lag);
                }
                if new.ends_with(END) {
                    tally.open -= usize::from(seen > 0);
                    break;
                }
            }
            let keep = filled.min(END.len() - 1);
            buffer.copy_within(filled - keep..filled, 0);
            kept = keep;
            let read = stream.read(&mut buffer[keep..]).await?;
            ensure!(read > 0, "the gateway hung up in a stream");
            filled = keep + read;
        }
        let expected = u64::from(self.answer.events());
        ensure!(seen == expected, "{seen} events came, {expected} were sent");
        Ok(())
    }

    fn lags(&self, new: &[u8], kept: usize, now: Instant, lag: &mut Times) {
        for at in memmem::find_iter(new, STAMP).filter(|at| at + STAMP.len() > kept) {
            let digits = new.get(at + STAMP.len()..at + STAMP.len() + STAMP_DIGITS);
            let written = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            if let Some(written) = written.map(Duration::from_micros) {
                lag.add((now - self.epoch).saturating_sub(written));
            }
        }
    }
}

/// Runs that many clients at once, dealt out among the kinds of them; ends with the first error, and never otherwise
/// before the bound on answers.
///
/// # Errors
/// An answer is not the one expected.
pub async fn run(
    kinds: &[Client],
    connections: usize,
    tally: &Rc<RefCell<Tally>>,
    each: u64,
) -> anyhow::Result<()> {
    let clients = kinds.iter().cycle().take(connections);
    join(clients.map(|client| Box::pin(client.clone().run(Rc::clone(tally), each)) as Running).collect())
        .await
}

type Running = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>>>>;

/// Waits for all, or for the first error. All run on this thread.
async fn join(tasks: Vec<Running>) -> anyhow::Result<()> {
    let local = tokio::task::LocalSet::new();
    let mut set = tokio::task::JoinSet::new();
    for task in tasks {
        set.spawn_local_on(task, &local);
    }
    local
        .run_until(async move {
            while let Some(result) = set.join_next().await {
                result??;
            }
            Ok(())
        })
        .await
}
