use super::{Parser, Progress, parse_in};
use crate::model_file::read::Reach;
use crate::model_file::testing::small_llama;
use proptest::prelude::*;

/// Places in a head that are worth a wrong number: lengths, counts, types.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let bytes = small_llama(40).bytes();
    let length = bytes.len();
    let number = prop_oneof![
        any::<u64>(),
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(1 << 60),
        Just(1 << 24),
        (0_u64..14),
        Just(1 << 31),
    ];
    let change = (0..length, number, prop_oneof![Just(1_usize), Just(4), Just(8)]);
    let changes = proptest::collection::vec(change, 1..6);
    (changes, 0..length, any::<bool>()).prop_map(move |(changes, cut, cuts)| {
        let mut bytes = bytes.clone();
        for (at, number, width) in changes {
            let end = (at + width).min(bytes.len());
            bytes[at..end].copy_from_slice(&number.to_le_bytes()[..end - at]);
        }
        if cuts {
            bytes.truncate(cut);
        }
        bytes
    })
}

proptest! {
    #[test]
    fn a_damaged_head_gives_an_answer(bytes in damaged(), piece in 1_usize..300) {
        // What matters is that there is one, the same for all sizes of pieces.
        let near = parse_in(&bytes, piece, Reach::Tensors);
        prop_assert_eq!(near, parse_in(&bytes, usize::MAX, Reach::Tensors));
        let _ = parse_in(&bytes, piece, Reach::Dimensions);
    }

    #[test]
    fn no_number_in_a_head_makes_it_take_memory(bytes in damaged(), piece in 1_usize..300) {
        let mut parser = Parser::new(Reach::Tensors);
        let mut fed = 0;
        loop {
            let at = usize::try_from(parser.wants()).unwrap_or(usize::MAX).min(bytes.len());
            let end = (at + piece).min(bytes.len());
            let done = at == end || parser.feed(&bytes[at..end]) != Ok(Progress::More { at: parser.wants() });
            fed += end - at;
            // A byte of an array becomes a number of 8; buffers grow by doubling.
            prop_assert!(parser.held() <= 20 * fed + 1024, "{} bytes after {fed}", parser.held());
            if done {
                break;
            }
        }
    }

    #[test]
    fn random_bytes_give_an_answer(mut bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse_in(&bytes, 64, Reach::Tensors);
        if let Some(start) = bytes.get_mut(..24) {
            start.copy_from_slice(b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0");
        }
        let _ = parse_in(&bytes, 64, Reach::Tensors);
    }
}
