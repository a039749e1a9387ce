mod accepts;
mod properties;
mod refuses;

use super::{GgufError, Head, Parser, Progress};
use crate::model_file::read::Reach;

/// Parses a file whose bytes come in pieces of `piece`.
fn parse_in(bytes: &[u8], piece: usize, reach: Reach) -> Result<Head, GgufError> {
    let mut parser = Parser::new(reach);
    loop {
        let at = usize::try_from(parser.wants()).unwrap_or(usize::MAX).min(bytes.len());
        let end = at.saturating_add(piece).min(bytes.len());
        if at == end || parser.feed(&bytes[at..end])? == Progress::Done {
            return parser.finish(bytes.len() as u64);
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Head, GgufError> {
    parse_in(bytes, usize::MAX, Reach::Tensors)
}
