//! Reading a body whole, with a bound on its size and on its time.

use super::{Held, NoRoom};
use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use std::time::Duration;

/// What is reserved at once for a body that says its length; more is reserved as it really comes.
const RESERVE_AT_MOST: usize = 256 * 1024;

/// Why a body was not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// More bytes than allowed.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The client was too slow.
    #[error("the body did not arrive within {} s", .0.as_secs())]
    TooSlow(Duration),
    /// The client broke off.
    #[error("the body broke off")]
    Broken,
    /// All requests together hold as much as they may.
    #[error("the bodies of other requests fill the router's memory: try again later")]
    NoRoom,
}

impl From<NoRoom> for ReadError {
    fn from(NoRoom: NoRoom) -> Self {
        Self::NoRoom
    }
}

/// Reads a body to its end. A body that comes in one piece is not copied. `held` counts it from its first byte on.
///
/// # Errors
/// It is larger than `limit`, slower than `deadline`, breaks off, or there is no room for it.
pub async fn read<B>(body: B, limit: usize, deadline: Duration, held: &mut Held) -> Result<Bytes, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(ReadError::TooLarge(limit));
    }
    match tokio::time::timeout(deadline, collect(body, limit, held)).await {
        Ok(result) => result,
        Err(_) => Err(ReadError::TooSlow(deadline)),
    }
}

async fn collect<B>(mut body: B, limit: usize, held: &mut Held) -> Result<Bytes, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut first = Bytes::new();
    let mut rest: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| ReadError::Broken)?.into_data() else {
            continue;
        };
        let length = first.len() + rest.len() + data.len();
        if length > limit {
            return Err(ReadError::TooLarge(limit));
        }
        if first.is_empty() && rest.is_empty() {
            held.grow_to(length)?;
            first = data;
            continue;
        }
        if length > rest.capacity() {
            let to_come = usize::try_from(body.size_hint().lower()).unwrap_or(0);
            let capacity = (length + to_come).min(RESERVE_AT_MOST).max(2 * rest.capacity()).max(length);
            held.grow_to(capacity)?;
            rest.reserve_exact(capacity - rest.len());
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() { first } else { rest.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Buffers;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    fn chunks(parts: &'static [&'static str]) -> impl Body<Data = Bytes, Error = std::io::Error> + Unpin {
        StreamBody::new(futures::stream::iter(
            parts.iter().map(|p| Ok(Frame::data(Bytes::from_static(p.as_bytes())))),
        ))
    }

    async fn all<B: Body<Data = Bytes> + Unpin>(
        body: B,
        limit: usize,
        room: usize,
    ) -> Result<Bytes, ReadError> {
        let mut held = Buffers::new(room).hold();
        read(body, limit, Duration::from_mins(1), &mut held).await
    }

    #[tokio::test]
    async fn pieces_are_joined_and_the_limit_holds_for_known_and_unknown_lengths() {
        assert_eq!(all(chunks(&["ab", "", "cd", "e"]), 5, 100).await.unwrap(), "abcde");
        assert_eq!(all(chunks(&["ab", "cd", "e"]), 4, 100).await, Err(ReadError::TooLarge(4)));
        assert_eq!(all(Full::from("abcde"), 4, 100).await, Err(ReadError::TooLarge(4)));
        assert_eq!(all(Full::<Bytes>::default(), 4, 100).await.unwrap(), "");
    }

    #[tokio::test]
    async fn what_is_held_is_bounded_over_all_bodies() {
        assert_eq!(all(Full::from("abcde"), 100, 4).await, Err(ReadError::NoRoom));
        assert_eq!(all(chunks(&["ab", "cd", "e"]), 100, 4).await, Err(ReadError::NoRoom));
        assert_eq!(all(chunks(&["ab", "cd", "e"]), 100, 8).await.unwrap(), "abcde");
    }
}
