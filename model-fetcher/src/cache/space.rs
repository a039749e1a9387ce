//! Room on the cache's disk, taken before the first byte comes.

use crate::error::FetchError;
use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const MIB: u64 = 1 << 20;
/// Left free, so that a model does not take the last of a node's disk.
const RESERVE: u64 = 64 * MIB;
/// The unit of `st_blocks`, whatever the file system's own is.
pub(super) const BLOCK: u64 = 512;

/// Bytes that are lacking for a file of `size`.
pub(super) fn lacking(file: &File, path: &Path, size: u64) -> Result<u64, FetchError> {
    let (taken, free) = (taken(file, path)?, free(file, path)?);
    let wanted = size.saturating_sub(taken);
    Ok(if wanted == 0 { 0 } else { wanted.saturating_add(RESERVE).saturating_sub(free) })
}

fn taken(file: &File, path: &Path) -> Result<u64, FetchError> {
    Ok(file.metadata().map_err(FetchError::cache(path, "looked at"))?.blocks().saturating_mul(BLOCK))
}

fn free(file: &File, path: &Path) -> Result<u64, FetchError> {
    let stat = fstatvfs(file).map_err(|error| FetchError::cache(path, "looked at")(error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Sees to it that the bytes from `length` up to `size` have room, and takes that room where the file system can.
pub(super) fn reserve(file: &File, path: &Path, length: u64, size: u64) -> Result<(), FetchError> {
    if taken(file, path)? >= size {
        return Ok(());
    }
    let (needed, free) = (size.saturating_sub(length), free(file, path)?);
    if lacking(file, path, size)? > 0 {
        return Err(full(path, needed, free));
    }
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, size) {
        // Some file systems cannot promise room; there writing tells.
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(Errno::NOSPC | Errno::DQUOT) => {
            // Gives back what was promised before the room ran out.
            file.set_len(length).map_err(FetchError::cache(path, "cut"))?;
            Err(full(path, needed, free))
        }
        Err(error) => Err(FetchError::cache(path, "given room")(error.into())),
    }
}

/// What a failed write means, with `needed` bytes still to come.
pub(super) fn write_error(path: &Path, error: io::Error, needed: u64) -> FetchError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => full(path, needed, 0),
        _ => FetchError::cache(path, "written")(error),
    }
}

fn full(path: &Path, needed: u64, free: u64) -> FetchError {
    let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    FetchError::DiskFull { file, needed_mib: needed.div_ceil(MIB), free_mib: free / MIB }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use flotilla_model_source::report::Cause;

    #[test]
    fn a_disk_that_fills_up_meanwhile_is_told_as_a_full_one() {
        for (errno, cause) in
            [(Errno::NOSPC, Cause::DiskFull), (Errno::DQUOT, Cause::DiskFull), (Errno::IO, Cause::Failed)]
        {
            let error = write_error(Path::new("/cache/m.gguf.part"), errno.into(), 3 * MIB + 1);
            assert_eq!(error.cause(), cause, "{error}");
            assert!(
                cause != Cause::DiskFull || error.to_string().contains("4 MiB more for m.gguf"),
                "{error}"
            );
        }
    }

    #[test]
    fn room_is_taken_without_a_longer_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        reserve(file.as_file(), file.path(), 0, MIB).unwrap();
        let metadata = file.as_file().metadata().unwrap();
        assert_eq!(metadata.len(), 0, "its length is where the next start goes on");
        let taken = metadata.blocks() * BLOCK;
        assert!(taken == 0 || taken >= MIB, "all of it, or nothing where the file system cannot: {taken}");
    }
}
