//! `size --gguf`: a file's own head.

use super::flotilla;
use std::io::Write as _;

const HIDDEN: u64 = 64;
const VOCABULARY: u64 = 100;
/// One matrix of 16-bit floats.
pub(crate) const WEIGHTS: u64 = HIDDEN * VOCABULARY * 2;

/// A model with one tensor, the token embedding.
pub(crate) fn file() -> Vec<u8> {
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    let numbers = [
        ("general.file_type", 1_u32),
        ("llama.block_count", 2),
        ("llama.context_length", 2048),
        ("llama.embedding_length", 64),
        ("llama.feed_forward_length", 128),
        ("llama.attention.head_count", 4),
        ("llama.attention.head_count_kv", 2),
        ("llama.vocab_size", 100),
    ];
    let counts = [1_u64, numbers.len() as u64 + 1];
    bytes.extend(counts.iter().flat_map(|count| count.to_le_bytes()));
    let text = |bytes: &mut Vec<u8>, text: &str| {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    };
    text(&mut bytes, "general.architecture");
    bytes.extend(8_u32.to_le_bytes());
    text(&mut bytes, "llama");
    for (key, number) in numbers {
        text(&mut bytes, key);
        bytes.extend(4_u32.to_le_bytes());
        bytes.extend(number.to_le_bytes());
    }
    text(&mut bytes, "token_embd.weight");
    bytes.extend(2_u32.to_le_bytes());
    bytes.extend([HIDDEN, VOCABULARY].iter().flat_map(|size| size.to_le_bytes()));
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(0_u64.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(32), 0);
    bytes.resize(bytes.len() + usize::try_from(WEIGHTS).unwrap(), 0);
    bytes
}

#[test]
fn a_file_of_this_machine_is_sized_to_the_byte() {
    let mut model = tempfile::NamedTempFile::with_suffix(".gguf").unwrap();
    model.write_all(&file()).unwrap();
    let path = model.path().display();
    let ended = flotilla(&format!("size --gguf {path} -c 2k -s 1 --json"));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let value = ended.json();
    assert_eq!(value["weightsBytes"], WEIGHTS);
    assert_eq!(
        value["kvCacheBytes"],
        2 * 2 * 2 * 16 * 2 * 2048,
        "layers, keys and values, heads, size, bytes, tokens"
    );
    assert_eq!(value["facts"][0], "F16");
    let longer = flotilla(&format!("size --gguf {path} -c 4k"));
    longer.refused(&["context window of 2048"]);
}
