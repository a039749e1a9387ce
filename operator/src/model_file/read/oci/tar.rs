//! Headers of a tar archive, as layers have them: ustar with the long names and sizes of GNU and PAX.

use super::error::OciError;

/// Everything in an archive is a multiple of this.
pub(super) const BLOCK: usize = 512;
/// Bytes of an extended header, that is of names and sizes for one entry.
pub(super) const LARGEST_EXTENSION: u64 = 64 * 1024;

/// One 512-byte header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: String,
    /// Bytes that follow, before they are padded to a block.
    pub(super) size: u64,
    pub(super) kind: Kind,
}

/// What a header introduces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// Another name of what lies at this path of the archive.
    HardLink(String),
    /// A path, relative to the entry's folder unless it begins with `/`.
    SymbolicLink(String),
    /// GNU: the content is the next entry's name.
    LongName,
    /// GNU: the content is the target of the next entry, a link.
    LongLink,
    /// PAX: the content is about the next entry.
    Extended,
    /// Folders, devices, global headers.
    Other,
}

/// What extended headers said about the next entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Overrides {
    pub(super) name: Option<String>,
    pub(super) link: Option<String>,
    pub(super) size: Option<u64>,
}

fn malformed(problem: &str) -> OciError {
    OciError::Malformed { what: "the layer's tar archive", problem: problem.to_owned() }
}

/// Reads a header; none for the block of zeros that ends an archive.
pub(super) fn header(block: &[u8; BLOCK]) -> Result<Option<Header>, OciError> {
    if block.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let stated = number(&block[148..156]).ok_or_else(|| malformed("a header has no checksum"))?;
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
        .sum();
    if sum != stated {
        return Err(malformed("a header's checksum is wrong"));
    }
    let size = number(&block[124..136]).ok_or_else(|| malformed("an entry has no size"))?;
    let mut name = text(&block[..100]);
    let prefix = text(&block[345..500]);
    // GNU's magic ends with a blank, and its prefix field holds other things.
    if &block[257..263] == b"ustar\0" && !prefix.is_empty() {
        name = format!("{prefix}/{name}");
    }
    let link = || text(&block[157..257]);
    let (kind, size) = match block[156] {
        b'0' | 0 | b'7' => (Kind::File, size),
        // Links have no content, whatever their size field says.
        b'1' => (Kind::HardLink(link()), 0),
        b'2' => (Kind::SymbolicLink(link()), 0),
        b'L' => (Kind::LongName, size),
        b'K' => (Kind::LongLink, size),
        b'x' => (Kind::Extended, size),
        b'5' => (Kind::Other, 0),
        _ => (Kind::Other, size),
    };
    Ok(Some(Header { name, size, kind }))
}

/// Takes the content of an extended header in.
pub(super) fn extend(overrides: &mut Overrides, kind: &Kind, content: &[u8]) -> Result<(), OciError> {
    match kind {
        Kind::LongName => overrides.name = Some(text(content)),
        Kind::LongLink => overrides.link = Some(text(content)),
        Kind::Extended => records(content, overrides)?,
        Kind::File | Kind::HardLink(_) | Kind::SymbolicLink(_) | Kind::Other => {}
    }
    Ok(())
}

/// PAX records: `LENGTH KEY=VALUE\n`, the length that of the whole record.
fn records(mut content: &[u8], overrides: &mut Overrides) -> Result<(), OciError> {
    let broken = || malformed("an extended header is broken");
    while !content.is_empty() && content[0] != 0 {
        let blank = content.iter().position(|byte| *byte == b' ').ok_or_else(broken)?;
        let length: usize = std::str::from_utf8(&content[..blank])
            .ok()
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(broken)?;
        let record = content.get(blank + 1..length).ok_or_else(broken)?;
        let record = std::str::from_utf8(record.strip_suffix(b"\n").ok_or_else(broken)?).ok();
        match record.and_then(|record| record.split_once('=')) {
            Some(("path", path)) => overrides.name = Some(path.to_owned()),
            Some(("linkpath", path)) => overrides.link = Some(path.to_owned()),
            Some(("size", size)) => overrides.size = Some(size.parse().map_err(|_| broken())?),
            _ => {}
        }
        content = content.get(length..).ok_or_else(broken)?;
    }
    Ok(())
}

/// Where the entry after this one begins.
pub(super) fn next(content: u64, size: u64) -> Result<u64, OciError> {
    size.checked_next_multiple_of(BLOCK as u64)
        .and_then(|padded| content.checked_add(padded))
        .ok_or_else(|| malformed("an entry is larger than any file"))
}

/// A path without what says nothing: `./`, `/` at the beginning and the end.
pub(super) fn normal(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty() && *part != ".").collect::<Vec<_>>().join("/")
}

/// The path that a symbolic link at `path` leads to, which never leaves the image.
pub(super) fn beside(path: &str, target: &str) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let joined = if target.starts_with('/') { target.to_owned() } else { format!("{folder}/{target}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// Octal digits, or GNU's big-endian form for what does not fit into them (8 GiB and more).
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        let start = u64::from(first & 0x7f);
        return rest.iter().try_fold(start, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let digits: Vec<u8> = field.iter().copied().filter(|byte| !matches!(byte, b' ' | 0)).collect();
    let octal = |sum: u64, digit: &u8| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 8)?;
        sum.checked_mul(8)?.checked_add(u64::from(digit))
    };
    digits.iter().try_fold(0, octal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(name: &str, size: &[u8], kind: u8) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..124 + size.len()].copy_from_slice(size);
        block[156] = kind;
        block[257..263].copy_from_slice(b"ustar\0");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }

    #[test]
    fn sizes_are_read_in_both_forms() {
        let octal = header(&block("a/b.gguf", b"00000001750\0", b'0')).unwrap().unwrap();
        assert_eq!(octal, Header { name: "a/b.gguf".to_owned(), size: 1000, kind: Kind::File });
        let mut large = [0; 12];
        large[0] = 0x80;
        large[4..].copy_from_slice(&40_000_000_000_u64.to_be_bytes());
        assert_eq!(header(&block("m", &large, b'0')).unwrap().unwrap().size, 40_000_000_000);
    }

    #[test]
    fn the_end_and_what_is_no_header_are_told() {
        assert_eq!(header(&[0; BLOCK]).unwrap(), None);
        let mut wrong = block("a", b"00000000000\0", b'0');
        wrong[0] = b'b';
        assert!(header(&wrong).is_err());
        assert!(header(&[7; BLOCK]).is_err());
        assert!(header(&block("a", &[0xff; 12], b'0')).is_err(), "a size of 2^88");
        assert!(next(BLOCK as u64, u64::MAX).is_err());
    }

    #[test]
    fn records_override_what_follows() {
        let mut overrides = Overrides::default();
        extend(
            &mut overrides,
            &Kind::Extended,
            b"22 path=long/name.gguf\n16 size=9000000\n12 mtime=1.5\n\0\0",
        )
        .unwrap_err();
        let content = b"23 path=long/name.gguf\n16 size=9000000\n13 mtime=1.5\n\0\0";
        extend(&mut overrides, &Kind::Extended, content).unwrap();
        assert_eq!(
            overrides,
            Overrides { name: Some("long/name.gguf".to_owned()), link: None, size: Some(9_000_000) }
        );
        for broken in [&b"999 path=x\n"[..], b"x path=a\n", b"0 a=b\n", b"3 \n", b"11 size=-12\n"] {
            let _ = extend(&mut Overrides::default(), &Kind::Extended, broken);
        }
        assert!(extend(&mut Overrides::default(), &Kind::Extended, b"11 size=-12\n").is_err());
    }

    #[test]
    fn paths_are_compared_in_one_form() {
        for path in ["a/b", "./a/b", "/a/b", "a//b/", "././a/./b"] {
            assert_eq!(normal(path), "a/b");
        }
    }

    #[test]
    fn links_stay_within_the_image() {
        assert_eq!(beside("model.gguf", "data/m.gguf"), "data/m.gguf");
        assert_eq!(beside("a/model.gguf", "../b/m.gguf"), "b/m.gguf");
        assert_eq!(beside("a/model.gguf", "/m.gguf"), "m.gguf");
        assert_eq!(beside("model.gguf", "../../../etc/passwd"), "etc/passwd");
    }
}
