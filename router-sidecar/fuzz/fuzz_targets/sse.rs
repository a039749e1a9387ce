//! Any stream, cut anywhere: what goes to the client does not depend on the cuts, nothing is made up, nothing but
//! usage, what follows an error and an event that was cut is taken away, and what is held back is bounded.

#![no_main]

use bytes::Bytes;
use flotilla_router::sse::{EventRelay, Progress};
use libfuzzer_sys::fuzz_target;
use std::collections::VecDeque;

fuzz_target!(|input: (u16, bool, &[u8])| {
    let (seed, hide, stream) = input;
    let pass = |sizes: &mut dyn FnMut() -> usize, hide| {
        let (mut relay, mut out) = (EventRelay::new(hide), VecDeque::new());
        let mut rest = stream;
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(sizes().clamp(1, rest.len()));
            relay.push(&Bytes::copy_from_slice(piece), &mut out);
            rest = more;
        }
        relay.finish(&mut out);
        let seen = (relay.tokens, relay.pieces, relay.begun, relay.progress);
        (seen, out.into_iter().flatten().collect::<Vec<u8>>())
    };
    let whole = pass(&mut || usize::MAX, hide);
    let mut state = u32::from(seed);
    let mut cuts = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(state >> 24).unwrap() % 40 + 1
    };
    assert_eq!(pass(&mut cuts, hide), whole);
    let ((.., progress), shown) = pass(&mut cuts, false);
    match progress {
        Progress::Failed => assert!(stream.starts_with(&shown)),
        // The beginning of an event that did not come.
        Progress::Open => {
            let missing = stream.strip_prefix(shown.as_slice()).unwrap();
            assert!(!missing.windows(2).any(|two| two == b"\n\n"));
        }
        Progress::Unread | Progress::Finished | Progress::Done => assert_eq!(shown, stream),
    }
    // What is left is the stream with parts missing.
    let mut from = shown.iter();
    assert!(whole.1.iter().all(|byte| from.any(|b| b == byte)));
});
