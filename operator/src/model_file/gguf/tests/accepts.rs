use super::{parse, parse_in};
use crate::model_file::gguf::{Parser, Progress, Value};
use crate::model_file::read::Reach;
use crate::model_file::testing::{F32, GgufHead, U64, small_llama};

#[test]
fn pieces_of_any_size_give_the_same_head() {
    let bytes = small_llama(300).bytes();
    let whole = parse(&bytes).unwrap();
    for piece in [1, 2, 3, 7, 24, 64, 1000] {
        assert_eq!(parse_in(&bytes, piece, Reach::Tensors).as_ref(), Ok(&whole), "pieces of {piece}");
    }
    assert_eq!(whole.read_to, bytes.len() as u64);
}

#[test]
fn the_tensors_are_added_up() {
    let (bytes, end) = small_llama(300).build();
    let tensors = parse(&bytes).unwrap().tensors.unwrap();
    let matrices = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 192) + 2 * 64 * 300;
    let vectors = 64 * (1 + 2 * 2);
    assert_eq!(tensors.count, 3 + 2 * 9);
    assert_eq!(tensors.parameters, matrices + vectors);
    assert_eq!(tensors.bytes, 2 * matrices + 4 * vectors);
    assert_eq!(tensors.host_bytes, 2 * 64 * 300, "the input embedding stays in host memory");
    assert!(!tensors.tied_embeddings);
    assert_eq!(tensors.vocabulary, Some(300));
    assert_eq!((tensors.data_at, tensors.end), ((bytes.len() as u64).next_multiple_of(32), end));
    let types: Vec<_> = tensors.by_type.iter().map(|(kind, bytes)| (kind.name(), *bytes)).collect();
    assert_eq!(types, [("F32", 4 * vectors), ("F16", 2 * matrices)]);
}

#[test]
fn an_embedding_that_is_the_output_too_is_on_the_gpu() {
    let head = GgufHead::new().tensor("token_embd.weight", &[256, 100], 14);
    let tensors = parse(&head.bytes()).unwrap().tensors.unwrap();
    assert_eq!((tensors.bytes, tensors.host_bytes), (210 * 100, 0));
    assert!(tensors.tied_embeddings);
}

#[test]
fn keys_that_matter_are_kept_and_others_passed_over() {
    let head = small_llama(300).flags("llama.attention.sliding_window_pattern", &[true, false]);
    let head = head.numbers("llama.attention.head_count_kv_list", &[1, 2]).text("note", &"x".repeat(300));
    let metadata = parse(&head.bytes()).unwrap().metadata;
    assert_eq!(metadata.text("general.architecture"), Ok(Some("llama")));
    assert_eq!(metadata.number("general.file_type"), Ok(Some(1)));
    assert_eq!(metadata.per_layer("llama.attention.head_count", 2), Ok(Some(vec![4, 4])));
    assert_eq!(metadata.per_layer("llama.attention.head_count_kv_list", 2), Ok(Some(vec![1, 2])));
    let pattern = metadata.get("llama.attention.sliding_window_pattern");
    assert_eq!(pattern, Some(&Value::Integers(vec![1, 0])));
    for passed in ["tokenizer.chat_template", "tokenizer.ggml.model", "tokenizer.ggml.scores", "note"] {
        assert_eq!(metadata.get(passed), None, "{passed}");
    }
}

#[test]
fn reading_for_dimensions_stops_at_the_vocabulary() {
    // As llama-quantize writes it: the file type comes after the vocabulary.
    let bytes = small_llama(150_000).bytes();
    let mut parser = Parser::new(Reach::Dimensions);
    assert_eq!(parser.feed(&bytes[..64 << 10]), Ok(Progress::Done));
    let head = parser.finish(40 << 30).unwrap();
    assert_eq!(head.vocabulary, Some(150_000));
    assert_eq!(head.metadata.number("llama.block_count"), Ok(Some(2)));
    assert_eq!(head.metadata.number("general.file_type"), Ok(None));
    assert_eq!(head.tensors, None);
    assert!(head.read_to < 1000, "{}", head.read_to);
}

#[test]
fn a_short_vocabulary_is_passed_over_even_for_dimensions() {
    let bytes = small_llama(300).bytes();
    let head = parse_in(&bytes, 4096, Reach::Dimensions).unwrap();
    assert!(head.tensors.is_some());
}

#[test]
fn long_arrays_of_numbers_are_jumped_over() {
    let jump = GgufHead::new().array("tokenizer.ggml.scores", U64, 1 << 20, &[]);
    let before = jump.bytes().len() as u64;
    let bytes = jump.number("after", 1).bytes();
    let mut parser = Parser::new(Reach::Tensors);
    let at = before + (8 << 20);
    assert_eq!(parser.feed(&bytes[..usize::try_from(before).unwrap()]), Ok(Progress::More { at }));
    assert_eq!(parser.feed(&bytes[usize::try_from(before).unwrap()..]), Ok(Progress::Done));
    assert_eq!(parser.finish(at).unwrap().metadata.number("after"), Ok(Some(1)));
}

#[test]
fn version_2_is_read_too() {
    let mut head = small_llama(10);
    head.version = 2;
    assert_eq!(parse(&head.bytes()).unwrap().version, 2);
}

/// Found by fuzzing: NaN differs from itself.
#[test]
fn a_head_with_a_number_that_is_none_equals_itself() {
    let head = small_llama(300).raw("llama.rope.freq_base", F32, &f32::NAN.to_le_bytes()).bytes();
    assert_eq!(parse(&head), parse(&head));
}
