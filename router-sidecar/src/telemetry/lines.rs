//! Log lines on their way to standard error: a few are written together.
//!
//! A busy router writes a line per request, and a system call for each would be a tenth of what a request costs.
//! Lines wait for [`DELAY`] at most; warnings and errors take everything before them along at once.

use parking_lot::Mutex;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line may wait.
const DELAY: Duration = Duration::from_millis(20);
/// Bytes that are not held any longer.
const HOLD_AT_MOST: usize = 16 * 1024;

/// The lines of one process. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    held: Mutex<Vec<u8>>,
    came: Notify,
}

impl Lines {
    /// Writes lines that have waited for their time, until dropped.
    pub async fn flush_when_due(self) {
        loop {
            self.0.came.notified().await;
            tokio::time::sleep(DELAY).await;
            self.flush_now();
        }
    }

    /// Writes all lines that wait.
    pub fn flush_now(&self) {
        write(&mut self.0.held.lock());
    }
}

/// Nobody can be told that standard error is gone.
fn write(held: &mut Vec<u8>) {
    drop(io::stderr().write_all(held));
    held.clear();
}

/// Takes one line.
#[derive(Debug)]
pub struct Line<'a> {
    shared: &'a Shared,
    urgent: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut held = self.shared.held.lock();
        let first = held.is_empty();
        held.extend_from_slice(line);
        if self.urgent || held.len() > HOLD_AT_MOST {
            write(&mut held);
        } else if first {
            self.shared.came.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { shared: &self.0, urgent: true }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line<'a> {
        Line { shared: &self.0, urgent: *event.level() <= Level::WARN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wait_until_they_are_many() {
        let lines = Lines::default();
        let mut line = Line { shared: &lines.0, urgent: false };
        assert_eq!(line.write(b" ").unwrap(), 1);
        assert_eq!(lines.0.held.lock().len(), 1);
        let many = vec![b' '; HOLD_AT_MOST];
        line.write_all(&many).unwrap();
        assert!(lines.0.held.lock().is_empty());
        line.write_all(b" ").unwrap();
        Line { shared: &lines.0, urgent: true }.write_all(b"\n").unwrap();
        assert!(lines.0.held.lock().is_empty());
    }
}
