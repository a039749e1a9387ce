//! Files of this machine.

use super::{Reach, ReadAt, ReadError};
use bytes::Bytes;
use futures::future::BoxFuture;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::Mutex;

/// The most that one call reads.
const MAX_READ: usize = 1 << 25;

/// An open file.
#[derive(Debug)]
pub struct LocalFile {
    name: String,
    path: PathBuf,
    size: u64,
    file: Mutex<File>,
}

impl LocalFile {
    /// Opens the file at `path`.
    pub async fn open(path: &Path) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        let failed = |error: &std::io::Error| failure(&name, error);
        // Asked before it is opened: opening a pipe waits for its other end.
        let metadata = tokio::fs::metadata(path).await.map_err(|error| failed(&error))?;
        if !metadata.is_file() {
            return Err(ReadError::Io { name, reason: "not a regular file".to_owned() });
        }
        let file = File::open(path).await.map_err(|error| failed(&error))?;
        Ok(Self { size: metadata.len(), path: path.to_owned(), file: Mutex::new(file), name })
    }

    async fn read(&self, offset: u64, length: usize) -> Result<Bytes, ReadError> {
        if length > MAX_READ {
            return Err(ReadError::TooLarge { name: self.name.clone(), limit: MAX_READ as u64 });
        }
        let read = async {
            let mut file = self.file.lock().await;
            file.seek(SeekFrom::Start(offset)).await?;
            let mut bytes = Vec::with_capacity(length);
            (&mut *file).take(length as u64).read_to_end(&mut bytes).await?;
            Ok(bytes.into())
        };
        read.await.map_err(|error| failure(&self.name, &error))
    }
}

impl ReadAt for LocalFile {
    fn name(&self) -> &str {
        &self.name
    }

    fn size(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        Box::pin(async { Ok(self.size) })
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, ReadError>> {
        Box::pin(self.read(offset, length))
    }

    fn sibling<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn ReadAt>>, ReadError>> {
        Box::pin(async move {
            let file = Self::open(&self.path.with_file_name(name)).await?;
            Ok(Some(Box::new(file) as Box<dyn ReadAt>))
        })
    }

    fn reach(&self) -> Reach {
        Reach::Tensors
    }
}

fn failure(name: &str, error: &std::io::Error) -> ReadError {
    let name = name.to_owned();
    match error.kind() {
        std::io::ErrorKind::NotFound => ReadError::NotFound { name },
        _ => ReadError::Io { name, reason: error.to_string() },
    }
}
