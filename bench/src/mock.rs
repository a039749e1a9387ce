//! The engine: answers every request at once, as the script says, from prepared bytes.

use crate::traffic::{Answer, Pace, Script};
use anyhow::Context;
use memchr::memmem;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

const JSON: &str = concat!(
    r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1760000000,"model":"m","choices":[{"index":0,"#,
    r#""message":{"role":"assistant","content":"The notes say that the meeting moved to Thursday."},"#,
    r#""finish_reason":"stop","logprobs":null}],"usage":{"prompt_tokens":71,"completion_tokens":11,"#,
    r#""total_tokens":82},"system_fingerprint":"fp_bench"}"#
);
const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
    cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
/// The last event and the end of the body.
const END: &[u8] = b"E\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";
const USAGE: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1760000000,"model":"m","choices":[],"#,
    r#""usage":{"prompt_tokens":71,"completion_tokens":20,"total_tokens":91}}"#,
    "\n\n"
);
/// In front of the microsecond at which an event was written.
pub(crate) const STAMP: &[u8] = b"\"t\":\"";
/// Digits of that microsecond.
pub(crate) const STAMP_DIGITS: usize = 12;

/// Listens on `ports` ports of loopback, which the kernel picks, until the returned set is dropped.
///
/// # Errors
/// There are not as many ports.
pub async fn start(
    script: &Script,
    epoch: Instant,
    ports: usize,
) -> anyhow::Result<(Vec<SocketAddr>, JoinSet<()>)> {
    let mut addresses = Vec::with_capacity(ports);
    let mut tasks = JoinSet::new();
    for _ in 0..ports {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("a port for the mock upstream")?;
        addresses.push(listener.local_addr()?);
        tasks.spawn(accept(listener, script.clone(), epoch));
    }
    Ok((addresses, tasks))
}

async fn accept(listener: TcpListener, script: Script, epoch: Instant) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let script = script.clone();
        while connections.try_join_next().is_some() {}
        // A gateway may hang up whenever it likes.
        connections.spawn(async move { drop(serve(stream, &script, epoch).await) });
    }
}

async fn serve(mut stream: TcpStream, script: &Script, epoch: Instant) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let json = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{JSON}",
        JSON.len()
    );
    let mut buffer = vec![0; 64 * 1024];
    let mut filled = 0;
    loop {
        let head = loop {
            if let Some(end) = memmem::find(&buffer[..filled], b"\r\n\r\n") {
                break end + 4;
            }
            let read = stream.read(&mut buffer[filled..]).await?;
            if read == 0 {
                return Ok(());
            }
            filled += read;
        };
        let length = content_length(&buffer[..head]);
        // Where the router adds it; a whole pass over long prompts would be the mock's cost, not the gateway's.
        let mut usage = memmem::find(&buffer[head..filled.min(head + 512)], b"include_usage").is_some();
        let mut left = length.saturating_sub(filled - head);
        let mut first = filled == head;
        while left > 0 {
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            if first {
                usage |= memmem::find(&buffer[..read.min(512)], b"include_usage").is_some();
                first = false;
            }
            left = left.saturating_sub(read);
        }
        filled = 0;
        match script.get() {
            Answer::Json => stream.write_all(json.as_bytes()).await?,
            Answer::Stream { events, pace: Pace::Gap(gap) } => {
                answer_by_events(&mut stream, events, gap, usage, epoch).await?;
            }
            Answer::Stream { events, pace: Pace::Seen } => {
                answer_in_turn(&mut stream, events, script, usage, epoch).await?;
            }
        }
    }
}

async fn answer_by_events(
    stream: &mut TcpStream,
    events: u32,
    gap: Duration,
    usage: bool,
    epoch: Instant,
) -> std::io::Result<()> {
    stream.write_all(STREAM_HEAD).await?;
    let mut chunk = Vec::with_capacity(512);
    let mut due = tokio::time::Instant::now();
    for event in 0..events {
        if gap.is_zero() {
            // Engines decode a batch: every stream gets one token before any gets its next.
            tokio::task::yield_now().await;
        } else if event > 0 {
            due += gap;
            tokio::time::sleep_until(due).await;
        }
        chunk.clear();
        word(&mut chunk, epoch)?;
        stream.write_all(&chunk).await?;
    }
    if usage {
        chunk.clear();
        framed(&mut chunk, |out| std::io::Write::write_all(out, USAGE.as_bytes()))?;
        stream.write_all(&chunk).await?;
    }
    stream.write_all(END).await
}

/// Each event when the client has the one before; what it does not see, the head and the usage that the router takes
/// out, goes with the next event that it sees.
async fn answer_in_turn(
    stream: &mut TcpStream,
    events: u32,
    script: &Script,
    usage: bool,
    epoch: Instant,
) -> std::io::Result<()> {
    script.begin();
    let mut piece = STREAM_HEAD.to_vec();
    for _ in 0..events {
        word(&mut piece, epoch)?;
        stream.write_all(&piece).await?;
        piece.clear();
        script.seen().await;
    }
    if usage {
        framed(&mut piece, |out| std::io::Write::write_all(out, USAGE.as_bytes()))?;
    }
    piece.extend_from_slice(END);
    stream.write_all(&piece).await
}

/// Appends an event with a word, and with the microsecond of now.
fn word(piece: &mut Vec<u8>, epoch: Instant) -> std::io::Result<()> {
    let written = epoch.elapsed().as_micros();
    framed(piece, |out| {
        write!(
            out,
            "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\
             \"model\":\"m\",\"t\":\"{written:012}\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word\"}},\
             \"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
        )
    })
}

/// Appends one HTTP chunk.
fn framed(
    piece: &mut Vec<u8>,
    data: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    /// Room for a length of three hexadecimal digits.
    const HEAD: usize = 5;
    let begin = piece.len();
    piece.extend_from_slice(&[0; HEAD]);
    data(piece)?;
    let head = format!("{:03x}\r\n", piece.len() - begin - HEAD);
    piece[begin..begin + HEAD].copy_from_slice(head.as_bytes());
    piece.extend_from_slice(b"\r\n");
    Ok(())
}

/// The `content-length` of a head, whatever its case; none is 0.
pub(crate) fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    let mut lines = head.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(value)
    });
    value.and_then(|value| std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()).unwrap_or(0)
}
