//! Small files, read whole.

use crate::error::CliError;
use std::fs::File;
use std::io::{self, Read};

/// No manifest is longer: etcd takes 1.5 MiB for one object, and a file has a few.
const LONGEST: u64 = 16 << 20;
/// The name that stands for standard input.
const STDIN: &str = "-";

/// The text of a file, or of standard input for `-`.
pub(crate) fn text(name: &str) -> Result<String, CliError> {
    let bytes = bytes(name, LONGEST)?;
    let failed = |_| CliError::Read { name: shown(name), reason: "it is no UTF-8 text".to_owned() };
    String::from_utf8(bytes).map_err(failed)
}

/// The bytes of a file, or of standard input for `-`; at most `limit`.
pub(super) fn bytes(name: &str, limit: u64) -> Result<Vec<u8>, CliError> {
    let failed = |error: io::Error| CliError::Read { name: shown(name), reason: reason(&error) };
    let mut bytes = Vec::new();
    let source: &mut dyn Read =
        if name == STDIN { &mut io::stdin() } else { &mut File::open(name).map_err(failed)? };
    source.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(CliError::TooLong { name: shown(name), limit });
    }
    Ok(bytes)
}

/// The name for people.
pub(super) fn shown(name: &str) -> String {
    if name == STDIN { "standard input".to_owned() } else { name.to_owned() }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::IsADirectory => "it is a directory; name the file in it".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
