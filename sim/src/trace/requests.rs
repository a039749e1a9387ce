//! One request a line, as in the traces of the Azure LLM inference service.

use super::read::lines;
use super::{Arrival, TraceError};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

pub(super) const HEADER: [&str; 3] = ["TIMESTAMP", "ContextTokens", "GeneratedTokens"];

pub(super) fn read(text: &str) -> Result<Vec<Arrival>, TraceError> {
    let mut arrivals: Vec<Arrival> = Vec::new();
    let mut start = None;
    for (line, text) in lines(text) {
        let malformed = || TraceError::Line { line, text: text.to_owned() };
        let columns: Vec<_> = text.split(',').map(str::trim).collect();
        let [time, prompt, completion] = columns[..] else { return Err(malformed()) };
        let micros = microseconds(time).ok_or_else(malformed)?;
        let at = u64::try_from(micros - *start.get_or_insert(micros)).map_err(|_| TraceError::Order(line))?;
        if arrivals.last().is_some_and(|last| last.at > at) {
            return Err(TraceError::Order(line));
        }
        let tokens = |column: &str| column.parse::<u32>().map_err(|_| malformed());
        arrivals.push(Arrival { at, prompt: tokens(prompt)?, completion: tokens(completion)?.max(1) });
    }
    if arrivals.is_empty() { Err(TraceError::Empty) } else { Ok(arrivals) }
}

/// A date with time, with or without a zone, or seconds.
fn microseconds(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        #[allow(clippy::cast_possible_truncation, reason = "saturates")]
        return seconds.is_finite().then_some((seconds * 1e6) as i64);
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Some(instant.as_microsecond());
    }
    let zoned = text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AZURE: &str = "TIMESTAMP,ContextTokens,GeneratedTokens\n\
        2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n";

    #[test]
    fn times_count_from_the_first_request() {
        let read = read(AZURE).unwrap();
        assert_eq!(read[0], Arrival { at: 0, prompt: 4808, completion: 10 });
        assert_eq!(read[1], Arrival { at: 52_000, prompt: 3180, completion: 8 });
    }

    #[test]
    fn seconds_and_zones_are_times_too() {
        assert_eq!(microseconds("1.5"), Some(1_500_000));
        assert_eq!(microseconds("1970-01-01T01:00:01+01:00"), Some(1_000_000));
        assert_eq!(microseconds("yesterday"), None);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let lines =
            |text: &str| read(&format!("TIMESTAMP,ContextTokens,GeneratedTokens\n{text}")).unwrap_err();
        assert!(matches!(lines("1,2"), TraceError::Line { line: 2, .. }));
        assert!(matches!(lines("1,2,3\n2,-2,3"), TraceError::Line { line: 3, .. }));
        assert!(matches!(lines("2,2,3\n1,2,3"), TraceError::Order(3)));
        assert!(matches!(lines(""), TraceError::Empty));
    }
}
