//! Tells the formats apart.

use super::{Rates, Trace, TraceError, requests, windows};

/// Reads a CSV file's text. Of rates, the `share` of the requests is drawn with random numbers from `seed`.
///
/// # Errors
/// Neither format, or a line that cannot be read.
pub fn read(text: &str, share: f64, seed: u64) -> Result<Trace, TraceError> {
    let header = text.lines().next().unwrap_or_default().trim_start_matches('\u{feff}');
    let columns: Vec<_> = header.split(',').map(str::trim).collect();
    if columns == requests::HEADER {
        requests::read(text).map(Trace::Requests)
    } else if columns == windows::HEADER {
        Ok(Trace::Rates(Rates::new(windows::read(text)?, share, seed)?))
    } else {
        Err(TraceError::Header(header.to_owned()))
    }
}

/// The lines below the header, with their number.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate().skip(1);
    numbered.map(|(index, line)| (index + 1, line.trim())).filter(|(_, line)| !line.is_empty())
}
