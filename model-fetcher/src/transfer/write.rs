//! Two hands: the runtime takes bytes from the network, a thread hashes and writes them.

use crate::cache::Part;
use crate::error::FetchError;
use crate::http::Answer;
use crate::progress::Meter;
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Pieces between the two; the network waits when the disk is slower. A piece has at most some hundred KiB.
const AHEAD: usize = 16;

/// A part whose bytes are on their way.
pub(super) struct Writer {
    pieces: mpsc::Sender<Bytes>,
    thread: JoinHandle<(Part, Result<(), FetchError>)>,
}

impl Writer {
    pub(super) fn start(part: Part, meter: Arc<Meter>) -> Self {
        let (pieces, queue) = mpsc::channel(AHEAD);
        let thread = tokio::task::spawn_blocking(move || write(part, queue, &meter));
        Self { pieces, thread }
    }

    /// Writes an answer's body, and gives the part back with what came of it.
    pub(super) async fn pour(self, mut answer: Answer) -> Result<(Part, Result<(), FetchError>), FetchError> {
        let Self { pieces, thread } = self;
        let came = loop {
            match answer.piece().await {
                Ok(Some(piece)) => {
                    // The thread ends early only with an error of its own, which is told below.
                    if pieces.send(piece).await.is_err() {
                        break Ok(());
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        drop(pieces);
        let (part, written) = thread.await.map_err(|_| FetchError::Stopped)?;
        Ok((part, written.and(came)))
    }
}

fn write(mut part: Part, mut queue: mpsc::Receiver<Bytes>, meter: &Meter) -> (Part, Result<(), FetchError>) {
    while let Some(piece) = queue.blocking_recv() {
        if let Err(error) = part.append(&piece) {
            return (part, Err(error));
        }
        meter.add(piece.len() as u64);
    }
    (part, Ok(()))
}
