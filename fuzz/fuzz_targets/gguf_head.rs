//! Any bytes as the start of a GGUF file, whole and in pieces, for either reach: an answer, the same for all
//! pieces, and dimensions that can be estimated or are refused.
#![no_main]

use flotilla_fuzz::decide::sizing::{Quantization, Request, estimate};
use flotilla_fuzz::model_file::ModelFile;
use flotilla_fuzz::model_file::gguf::{GgufError, Head, Parser, Progress};
use flotilla_fuzz::model_file::read::Reach;
use libfuzzer_sys::fuzz_target;

fn parse(bytes: &[u8], piece: usize, reach: Reach) -> Result<Head, GgufError> {
    let mut parser = Parser::new(reach);
    loop {
        let at = usize::try_from(parser.wants()).unwrap_or(usize::MAX).min(bytes.len());
        let end = at.saturating_add(piece).min(bytes.len());
        if at == end || parser.feed(&bytes[at..end])? == Progress::Done {
            return parser.finish(bytes.len() as u64);
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let whole = parse(bytes, usize::MAX, Reach::Tensors);
    assert_eq!(whole, parse(bytes, 1 + bytes.len() % 61, Reach::Tensors));
    for mut head in [whole, parse(bytes, usize::MAX, Reach::Dimensions)].into_iter().flatten() {
        for tensors in [head.tensors.take(), None] {
            head.tensors = tensors;
            let size = head.read_to.max(1) << (bytes.len() % 32);
            let Ok(model) = ModelFile::from_gguf(&head, "m-Q4_K_M.gguf", size) else { continue };
            let Some(architecture) = model.architecture else { continue };
            let _ = estimate(&Request::new(&architecture, Quantization::Q4_K_M, 4096));
        }
    }
});
