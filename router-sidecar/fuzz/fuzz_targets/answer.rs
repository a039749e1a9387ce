//! Any bytes for an answer, cut anywhere: head and body do not depend on the cuts, and nothing is made up.

#![no_main]

use bytes::BytesMut;
use flotilla_router::upstream::{Step, read_head};
use libfuzzer_sys::fuzz_target;

/// Status, header lines, body, what is left behind it; or what was made of it before it broke.
type Read = (Option<(u16, usize)>, Vec<u8>, Option<Vec<u8>>, bool);

fn read(bytes: &[u8], mut size: impl FnMut() -> usize) -> Read {
    let (mut buffer, mut rest) = (BytesMut::new(), bytes);
    let mut more = |buffer: &mut BytesMut| {
        let (piece, after) = rest.split_at(size().clamp(1, rest.len().max(1)).min(rest.len()));
        buffer.extend_from_slice(piece);
        rest = after;
        !piece.is_empty()
    };
    let head = loop {
        match read_head(&mut buffer) {
            Ok(Some(head)) => break head,
            Ok(None) if more(&mut buffer) => {}
            Ok(None) => return (None, Vec::new(), None, false),
            Err(_) => return (None, Vec::new(), None, true),
        }
    };
    let seen = Some((head.status.as_u16(), head.headers.len()));
    let (mut decoder, mut body) = (head.decoder, Vec::new());
    loop {
        match decoder.next(&mut buffer) {
            Ok(Step::Piece(piece)) => body.extend_from_slice(&piece),
            Ok(Step::More) if more(&mut buffer) => {}
            Ok(Step::More) => return (seen, body, None, false),
            Ok(Step::End) => {
                while more(&mut buffer) {}
                return (seen, body, Some(buffer.to_vec()), false);
            }
            Err(_) => return (seen, body, None, true),
        }
    }
}

fuzz_target!(|input: (u16, &[u8])| {
    let (seed, bytes) = input;
    let whole = read(bytes, || usize::MAX);
    let mut state = u32::from(seed);
    let cut = read(bytes, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(state >> 24).unwrap() % 40 + 1
    });
    // What is wrong may be seen before all has come, or after.
    assert_eq!(cut, whole);
    assert!(whole.1.len() + whole.2.map_or(0, |rest| rest.len()) <= bytes.len());
});
