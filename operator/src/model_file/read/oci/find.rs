//! Finds a file in a layer by walking from header to header.

use super::blob::Layer;
use super::error::{Names, OciError};
use super::tar::{self, BLOCK, Header, Kind, LARGEST_EXTENSION, Overrides};
use bytes::Bytes;

/// Read at once: small files next to each other share a request.
const WINDOW: usize = 8 * 1024;
/// Requests for one layer. Model images have a handful of files; this is no way to search a whole system.
const MOST_WINDOWS: usize = 128;
/// Entries of one layer.
const MOST_ENTRIES: usize = 4096;
/// Marks a file of the layers below as removed.
const WHITEOUT: &str = ".wh.";
/// Marks all that the layers below have in its folder as removed.
const OPAQUE: &str = ".wh..wh..opq";

/// What a layer says about a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// It is a file, from this byte of the layer, of this length.
    File { offset: u64, size: u64 },
    /// It is another name of this path of the image.
    Link(String),
    /// It was removed: layers below do not count.
    Removed,
    /// Nothing: look in the layer below.
    Absent,
}

/// Looks for `file`, in normal form, and collects the names of others.
pub(super) async fn find(layer: &Layer, file: &str, names: &mut Names) -> Result<Found, OciError> {
    let mut walk = Walk { layer, at: 0, window: (0, Bytes::new()), windows: 0 };
    let mut overrides = Overrides::default();
    // A hidden file may still be in this very layer, behind the mark.
    let mut removed = false;
    for _ in 0..MOST_ENTRIES {
        let Some(Header { name, size, kind }) = walk.header().await? else {
            return Ok(if removed { Found::Removed } else { Found::Absent });
        };
        let content = walk.at;
        if matches!(kind, Kind::LongName | Kind::LongLink | Kind::Extended) {
            let extension = walk.extension(size).await?;
            tar::extend(&mut overrides, &kind, &extension)?;
            walk.at = tar::next(content, size)?;
            continue;
        }
        let Overrides { name: long, link, size: large } = std::mem::take(&mut overrides);
        let name = tar::normal(&long.unwrap_or(name));
        let size = large.filter(|_| kind == Kind::File).unwrap_or(size);
        match kind {
            Kind::File if name == file => return Ok(Found::File { offset: content, size }),
            Kind::HardLink(target) if name == file => {
                return Ok(Found::Link(tar::normal(&link.unwrap_or(target))));
            }
            Kind::SymbolicLink(target) if name == file => {
                return Ok(Found::Link(tar::beside(&name, &link.unwrap_or(target))));
            }
            Kind::File if hides(&name, file) => removed = true,
            Kind::File if !base(&name).starts_with(WHITEOUT) => names.add(&name),
            _ => {}
        }
        walk.at = tar::next(content, size)?;
    }
    Err(OciError::Bounded { why: format!("the layer has more than {MOST_ENTRIES} entries") })
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Whether `name` is a mark that removes `file` from the layers below.
fn hides(name: &str, file: &str) -> bool {
    let (folder, base) = name.rsplit_once('/').unwrap_or(("", name));
    let below = |folder: &str| {
        folder.is_empty() || file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    };
    if base == OPAQUE {
        return below(folder);
    }
    let Some(hidden) = base.strip_prefix(WHITEOUT) else { return false };
    let hidden = if folder.is_empty() { hidden.to_owned() } else { format!("{folder}/{hidden}") };
    hidden == file || (!hidden.is_empty() && below(&hidden))
}

struct Walk<'a> {
    layer: &'a Layer,
    /// The next byte to read.
    at: u64,
    /// Bytes read last, and where they begin.
    window: (u64, Bytes),
    windows: usize,
}

impl Walk<'_> {
    /// The header at the present place, which moves behind it; none at the end.
    async fn header(&mut self) -> Result<Option<Header>, OciError> {
        let bytes = self.bytes(BLOCK).await?;
        let Ok(block) = <&[u8; BLOCK]>::try_from(bytes.as_ref()) else {
            // Some tools leave out the blocks of zeros at the end.
            return Ok(None);
        };
        let header = tar::header(block)?;
        self.at += BLOCK as u64;
        Ok(header)
    }

    async fn extension(&mut self, size: u64) -> Result<Bytes, OciError> {
        let length = usize::try_from(size).ok().filter(|_| size <= LARGEST_EXTENSION);
        let what = "an extended header of the layer";
        let length = length
            .ok_or(OciError::TooLarge { what, limit: usize::try_from(LARGEST_EXTENSION).unwrap_or(0) })?;
        self.bytes(length).await
    }

    /// Bytes from the present place; fewer only where the layer ends.
    async fn bytes(&mut self, length: usize) -> Result<Bytes, OciError> {
        let (start, window) = &self.window;
        let skip = self.at.checked_sub(*start).and_then(|skip| usize::try_from(skip).ok());
        if let Some(part) = skip.and_then(|skip| Some(skip..skip.checked_add(length)?))
            && part.end <= window.len()
        {
            return Ok(window.slice(part));
        }
        if self.windows == MOST_WINDOWS {
            return Err(OciError::Bounded {
                why: format!(
                    "the file is not among the first of a layer's files, and {MOST_WINDOWS} requests are made at most"
                ),
            });
        }
        self.windows += 1;
        self.window = (self.at, self.layer.read(self.at, length.max(WINDOW)).await?);
        Ok(self.window.1.slice(..length.min(self.window.1.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::hides;

    #[test]
    fn whiteouts_hide_what_is_below_them() {
        for (mark, file, hidden) in [
            (".wh.model.gguf", "model.gguf", true),
            (".wh.model", "model.gguf", false),
            ("a/.wh.b", "a/b/model.gguf", true),
            ("a/.wh.b", "a/bc/model.gguf", false),
            ("a/.wh..wh..opq", "a/model.gguf", true),
            (".wh..wh..opq", "a/model.gguf", true),
            ("b/.wh..wh..opq", "a/model.gguf", false),
            ("model.gguf", "model.gguf", false),
            (".wh.", "model.gguf", false),
        ] {
            assert_eq!(hides(mark, file), hidden, "{mark} and {file}");
        }
    }
}
