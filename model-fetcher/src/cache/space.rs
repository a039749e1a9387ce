//! Room on the cache's disk, taken before the first byte comes.

use crate::error::FetchError;
use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::Path;

const MIB: u64 = 1 << 20;
/// Left free, so that a model does not take the last of a node's disk.
const RESERVE: u64 = 64 * MIB;

/// Sees to it that the bytes from `length` up to `size` have room, and takes that room where the file system can.
pub(crate) fn reserve(file: &File, path: &Path, length: u64, size: u64) -> Result<(), FetchError> {
    let stat = fstatvfs(file).map_err(|error| FetchError::cache(path, "looked at")(error.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let needed = size.saturating_sub(length);
    let is_taken = std::os::unix::fs::MetadataExt::blocks(
        &file.metadata().map_err(FetchError::cache(path, "looked at"))?,
    )
    .saturating_mul(512)
        >= size;
    if is_taken {
        return Ok(());
    }
    if free < needed.saturating_add(RESERVE) {
        return Err(full(path, needed, free));
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, size) {
        // Some file systems cannot promise room; there writing tells.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(Errno::NOSPC | Errno::DQUOT) => {
            // Gives back what was promised before the room ran out.
            let back = file.set_len(length);
            back.map_err(FetchError::cache(path, "cut"))?;
            Err(full(path, needed, free))
        }
        Err(error) => Err(FetchError::cache(path, "given room")(error.into())),
    }
}

/// What a failed write means.
pub(crate) fn write_error(path: &Path, error: io::Error, needed: u64) -> FetchError {
    let is_full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    if is_full { full(path, needed, 0) } else { FetchError::cache(path, "written")(error) }
}

fn full(path: &Path, needed: u64, free: u64) -> FetchError {
    let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    FetchError::DiskFull { file, needed_mib: needed.div_ceil(MIB), free_mib: free / MIB }
}
