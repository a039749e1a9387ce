//! The header Content-Range, as servers of models answer it.

/// Which part of a file an answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// First byte, and the one after the last.
    pub part: Option<(u64, u64)>,
    /// Bytes of the whole file.
    pub size: Option<u64>,
}

impl ContentRange {
    /// Reads `bytes 0-99/1000`, `bytes 0-99/*` or `bytes */1000`; `None` for what makes no sense.
    pub fn parse(value: &str) -> Option<Self> {
        let (part, size) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
        let size = if size == "*" { None } else { Some(size.parse().ok()?) };
        let part = if part == "*" {
            None
        } else {
            let (first, last) = part.split_once('-')?;
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            let end = last.checked_add(1)?;
            (first < end && size.is_none_or(|size| end <= size)).then_some(())?;
            Some((first, end))
        };
        (part.is_some() || size.is_some()).then_some(Self { part, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Option<ContentRange> {
        ContentRange::parse(value)
    }

    #[test]
    fn content_ranges_are_read() {
        let range = |part, size| Some(ContentRange { part, size });
        assert_eq!(parsed("bytes 0-99/1000"), range(Some((0, 100)), Some(1000)));
        assert_eq!(parsed("bytes 5-5/*"), range(Some((5, 6)), None));
        assert_eq!(parsed("bytes */1000"), range(None, Some(1000)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for value in [
            "",
            "bytes",
            "bytes */*",
            "bytes 9-3/10",
            "bytes 0-10/10",
            "bytes -5/10",
            "bytes 0-18446744073709551615/*",
            "bytes 0-99999999999999999999/*",
            "items 0-1/2",
        ] {
            assert_eq!(parsed(value), None, "{value:?}");
        }
    }
}
