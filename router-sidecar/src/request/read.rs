//! Reading a body whole, with a bound on its size and on its time.

use bytes::{BufMut, Bytes, BytesMut};
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
}

/// Reads a body to its end. A body that comes in one piece is not copied.
///
/// # Errors
/// It is larger than `limit`, slower than `deadline`, or breaks off.
pub async fn read<B>(body: B, limit: usize, deadline: Duration) -> Result<Bytes, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
{
    if body.size_hint().lower() > limit as u64 {
        return Err(ReadError::TooLarge(limit));
    }
    match tokio::time::timeout(deadline, collect(body, limit)).await {
        Ok(result) => result,
        Err(_) => Err(ReadError::TooSlow(deadline)),
    }
}

async fn collect<B>(mut body: B, limit: usize) -> Result<Bytes, ReadError>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| ReadError::Broken)?.into_data() else {
            continue;
        };
        if first.len() + rest.len() + data.len() > limit {
            return Err(ReadError::TooLarge(limit));
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0);
            rest.reserve((first.len() + data.len() + expected).min(RESERVE_AT_MOST));
            rest.put(std::mem::take(&mut first));
        }
        rest.put(data);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    fn chunks(parts: &'static [&'static str]) -> impl Body<Data = Bytes, Error = std::io::Error> + Unpin {
        StreamBody::new(futures::stream::iter(
            parts.iter().map(|p| Ok(Frame::data(Bytes::from_static(p.as_bytes())))),
        ))
    }

    #[tokio::test]
    async fn pieces_are_joined_and_the_limit_holds_for_known_and_unknown_lengths() {
        let minute = Duration::from_mins(1);
        assert_eq!(read(chunks(&["ab", "", "cd", "e"]), 5, minute).await.unwrap(), "abcde");
        assert_eq!(read(chunks(&["ab", "cd", "e"]), 4, minute).await, Err(ReadError::TooLarge(4)));
        assert_eq!(read(Full::from("abcde"), 4, minute).await, Err(ReadError::TooLarge(4)));
        assert_eq!(read(Full::<Bytes>::default(), 4, minute).await.unwrap(), "");
    }
}
