use super::{parse, parse_in};
use crate::model_file::gguf::GgufError;
use crate::model_file::read::Reach;
use crate::model_file::testing::{ARRAY, GgufHead, TEXT, U32, U64, small_llama, text};

/// Bytes of magic, version and counts.
const START: u64 = 24;
const HUGE: u64 = 1 << 60;

fn refusal(head: &GgufHead) -> GgufError {
    parse(&head.bytes()).unwrap_err()
}

/// A head of one key, cut off after what is given of its value.
fn one_key(kind: u32, value: &[u8]) -> GgufError {
    refusal(&GgufHead::new().raw("a.key", kind, value))
}

/// Where the value of [`one_key`] starts.
const VALUE: u64 = START + 8 + 5 + 4;

fn start(version: u32, tensors: u64, keys: u64) -> Vec<u8> {
    [&b"GGUF"[..], &version.to_le_bytes(), &tensors.to_le_bytes(), &keys.to_le_bytes()].concat()
}

#[test]
fn other_files() {
    assert_eq!(
        parse(b"GGML\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        Err(GgufError::Magic { found: *b"GGML" })
    );
    assert_eq!(parse(&start(1, 0, 0)), Err(GgufError::Version { found: 1 }));
    assert_eq!(parse(&start(4, 0, 0)), Err(GgufError::Version { found: 4 }));
    assert_eq!(parse(&start(3_u32.swap_bytes(), 0, 0)), Err(GgufError::BigEndian));
    assert_eq!(parse(&start(0, 0, 0)), Err(GgufError::Version { found: 0 }));
}

#[test]
fn counts_and_lengths_beyond_reason() {
    let too_many = |what, count, limit, at| Err(GgufError::TooMany { what, count, limit, at });
    assert_eq!(parse(&start(3, HUGE, 0)), too_many("tensors", HUGE, 1 << 17, 8));
    assert_eq!(parse(&start(3, 0, HUGE)), too_many("keys", HUGE, 1 << 12, 16));

    let long = |what, limit, at| GgufError::TooLong { what, length: HUGE, limit, at };
    let key = [start(3, 0, 1), HUGE.to_le_bytes().to_vec()].concat();
    assert_eq!(parse(&key), Err(long("key", 65_535, START)));
    assert_eq!(one_key(TEXT, &HUGE.to_le_bytes()), long("text", 1 << 26, VALUE));
    let element = GgufHead::new().array("a.key", TEXT, 2, &[text("a"), HUGE.to_le_bytes().to_vec()].concat());
    assert_eq!(refusal(&element), long("text", 1 << 26, VALUE + 12 + 9));
    let name = [start(3, 1, 0), HUGE.to_le_bytes().to_vec()].concat();
    assert_eq!(parse(&name), Err(long("tensor name", 256, START)));

    for kind in [U32, U64, TEXT] {
        let array = GgufHead::new().array("a.key", kind, HUGE, &[]);
        let (what, limit, at) = ("array elements", 1 << 24, VALUE + 4);
        assert_eq!(refusal(&array), GgufError::TooMany { what, count: HUGE, limit, at });
    }
}

#[test]
fn a_head_that_does_not_end() {
    // Arrays of 128 MiB each, of which no byte has to be there.
    let huge = |index: u32| GgufHead::new().array(&format!("a.key{index}"), U64, 1 << 24, &[]);
    let one = huge(0).bytes();
    let mut parser = crate::model_file::gguf::Parser::new(Reach::Tensors);
    let mut head = start(3, 0, 9);
    head.extend(&one[24..]);
    let mut result = parser.feed(&head);
    for index in 1..4 {
        result = result.and_then(|_| parser.feed(&huge(index).bytes()[24..]));
    }
    assert_eq!(result, Err(GgufError::HeadTooLong { limit: 1 << 28 }));
}

#[test]
fn values_of_no_type() {
    let unknown = |found, at| GgufError::ValueType { key: "a.key".to_owned(), found, at };
    assert_eq!(one_key(13, &[]), unknown(13, VALUE - 4));
    assert_eq!(one_key(ARRAY, &[&99_u32.to_le_bytes()[..], &[0; 8]].concat()), unknown(99, VALUE));
    let nested = [&ARRAY.to_le_bytes()[..], &1_u64.to_le_bytes()].concat();
    assert_eq!(one_key(ARRAY, &nested), GgufError::NestedArray { key: "a.key".to_owned(), at: VALUE });
}

#[test]
fn keys_that_are_no_names() {
    let twice = small_llama(2).number("llama.block_count", 3);
    assert!(matches!(refusal(&twice), GgufError::DuplicateKey { key, .. } if key == "llama.block_count"));
    assert_eq!(refusal(&GgufHead::new().number("", 1)), GgufError::Text { what: "key", at: START });
    let mut bytes = GgufHead::new().number("ab", 1).bytes();
    bytes[24 + 8] = 0xff;
    assert_eq!(parse(&bytes), Err(GgufError::Text { what: "key", at: START }));
}

#[test]
fn alignments_that_are_none() {
    for found in [0, 3, 33, 1 << 21, u32::MAX] {
        let error = refusal(&GgufHead::new().number("general.alignment", found));
        assert!(matches!(error, GgufError::Value { ref key, .. } if key == "general.alignment"), "{error}");
    }
    let text = refusal(&GgufHead::new().text("general.alignment", "32"));
    assert_eq!(
        text.to_string(),
        "key \"general.alignment\" is \"32\"; it must be a whole number of at most 32 bits"
    );
}

/// A head of one tensor called `t`, with the record's rest as given.
fn one_tensor(dimensions: &[u64], kind: u32, offset: u64) -> GgufError {
    let mut bytes = start(3, 1, 0);
    bytes.extend(text("t"));
    bytes.extend(u32::try_from(dimensions.len()).unwrap().to_le_bytes());
    bytes.extend(dimensions.iter().flat_map(|dimension| dimension.to_le_bytes()));
    bytes.extend(kind.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    parse(&bytes).unwrap_err()
}

#[test]
fn tensors_that_cannot_be() {
    let (tensor, at) = (|| "t".to_owned(), START + 8 + 1);
    for dimensions in [vec![], vec![1; 5], vec![1; 1000]] {
        let found = u32::try_from(dimensions.len()).unwrap();
        assert_eq!(one_tensor(&dimensions, 0, 0), GgufError::Dimensions { tensor: tensor(), found, at });
    }
    for found in [vec![0], vec![8, 0], vec![HUGE, 16], vec![u64::MAX, u64::MAX, 2, 2], vec![1 << 62, 2]] {
        assert_eq!(one_tensor(&found, 0, 0), GgufError::Shape { tensor: tensor(), found, at });
    }
    for found in [4, 5, 31, 36, 43, u32::MAX] {
        assert_eq!(
            one_tensor(&[32], found, 0),
            GgufError::TensorType { tensor: tensor(), found, at: at + 12 }
        );
    }
    assert!(matches!(one_tensor(&[33, 2], 8, 0), GgufError::Row { row: 33, .. }));
    assert_eq!(one_tensor(&[32], 8, 7), GgufError::TensorOffset { tensor: tensor(), found: 7, wanted: 0 });
    assert_eq!(one_tensor(&[1 << 62], 0, 0), GgufError::Row { tensor: tensor(), row: 1 << 62, kind: f32() });
    assert_eq!(one_tensor(&[1 << 31, 1 << 31], 0, 0), GgufError::TensorSum { tensor: tensor() });
}

fn f32() -> crate::model_file::gguf::TensorType {
    crate::model_file::gguf::TensorType::from_number(0).unwrap()
}

#[test]
fn tensors_that_come_twice_or_overlap() {
    let twice = GgufHead::new().tensor("a", &[8], 0).tensor("a", &[8], 0);
    assert!(matches!(refusal(&twice), GgufError::DuplicateTensor { tensor, .. } if tensor == "a"));
    let mut bytes = GgufHead::new().tensor("a", &[8], 0).tensor("b", &[8], 0).bytes();
    let offset = bytes.len() - 8;
    bytes[offset..].fill(0);
    let overlap = GgufError::TensorOffset { tensor: "b".to_owned(), found: 0, wanted: 32 };
    assert_eq!(parse(&bytes), Err(overlap));
}

#[test]
fn every_cut_is_told() {
    let bytes = small_llama(20).bytes();
    for length in 0..bytes.len() {
        let error = parse_in(&bytes[..length], usize::MAX, Reach::Tensors).unwrap_err();
        let size = length as u64;
        assert!(
            matches!(error, GgufError::Truncated { size: s, wanted } if s == size && wanted >= size),
            "{error}"
        );
    }
}
