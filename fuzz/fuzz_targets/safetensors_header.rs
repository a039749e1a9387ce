//! Any bytes as a safetensors file and as an index: an answer, and never more bytes than the file has.
#![no_main]

use flotilla_fuzz::model_file::safetensors::{Header, Index, header_length};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(index) = Index::parse(bytes) {
        assert!(!index.files.is_empty() && index.bytes > 0);
    }
    let Some((start, rest)) = bytes.split_first_chunk() else { return };
    let Ok(length) = header_length(*start) else { return };
    let Some(json) = rest.get(..usize::try_from(length).unwrap_or(usize::MAX)) else { return };
    if let Ok(header) = Header::parse(json, bytes.len() as u64) {
        assert_eq!(8 + length + header.bytes, bytes.len() as u64);
    }
});
