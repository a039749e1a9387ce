use super::conflict::{Conflict, Declared, conflicts};
use super::gguf::GgufError;
use super::read::{Reach, ReadAt};
use super::safetensors::SafetensorsError;
use super::testing::{GgufHead, MemoryFile, small_llama};
use super::{FileWeights, Format, ModelFile, ModelFileError, Note, guess};
use crate::decide::sizing::{Architecture, Attention, Bytes, FeedForward, Quantization, Weights, preset};

const GB: u64 = 1_000_000_000;

async fn read(file: &dyn ReadAt) -> Result<ModelFile, ModelFileError> {
    ModelFile::read(file).await
}

/// The head of a model with the dimensions of a preset, as llama-quantize writes it, cut after the start of its
/// vocabulary.
fn head_of(architecture: &Architecture) -> Vec<u8> {
    cut_head(architecture).bytes()
}

fn cut_head(architecture: &Architecture) -> GgufHead {
    let Attention::Grouped { heads, kv_heads, head_dim } = architecture.attention else {
        panic!("grouped only")
    };
    GgufHead::new()
        .text("general.architecture", "llama")
        .text("general.type", "model")
        .number("llama.block_count", architecture.layers)
        .number("llama.context_length", architecture.context_window)
        .number("llama.embedding_length", architecture.hidden)
        .number("llama.feed_forward_length", architecture.feed_forward.size)
        .number("llama.attention.head_count", heads)
        .number("llama.attention.head_count_kv", kv_heads)
        .number("llama.attention.key_length", head_dim)
        .number("llama.attention.value_length", head_dim)
        .vocabulary(architecture.vocab)
}

fn known(name: &str) -> Architecture {
    preset(name).unwrap().architecture.clone()
}

#[tokio::test]
async fn a_local_file_gives_exact_weights() {
    let (head, end) = small_llama(3000).build();
    let file = MemoryFile::new("small.gguf", head, end, Reach::Tensors);
    let model = read(&file).await.unwrap();
    let matrices = 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 192) + 2 * 64 * 3000;
    let exact = FileWeights {
        bytes: Bytes::new(2 * matrices + 4 * 64 * 5),
        host_bytes: Bytes::new(2 * 64 * 3000),
        exact: true,
    };
    assert_eq!(model.weights, Some(exact));
    assert_eq!((model.format, model.quantization), (Format::Gguf, Some(Quantization::F16)));
    assert_eq!(model.notes, []);
    let architecture = model.architecture.unwrap();
    assert_eq!(architecture.feed_forward, FeedForward::dense(192));
    // Weights agree with those of the estimator, byte for byte.
    assert_eq!(guess::weights(&architecture, Quantization::F16, true), Some(exact.bytes));
    assert_eq!(guess::host_bytes(&architecture, Quantization::F16), Some(exact.host_bytes));
}

#[tokio::test]
async fn a_file_of_40_gb_costs_one_short_request() {
    let architecture = Architecture { layers: 80, hidden: 8192, ..known("llama-3.1-8b") };
    let file =
        MemoryFile::new("https://hub.example/m.gguf", head_of(&architecture), 40 * GB, Reach::Dimensions);
    let model = read(&file).await.unwrap();
    let (requests, bytes) = file.cost();
    assert_eq!(requests, 1);
    assert!(bytes <= 256 << 10, "{bytes} bytes");
    assert_eq!(model.architecture.unwrap().layers, 80);
    let weights = model.weights.unwrap();
    assert!(!weights.exact && weights.bytes.get().abs_diff(40 * GB) < 10_000_000, "{weights:?}");
    assert!(model.notes.contains(&Note::WeightsFromLength));
}

#[tokio::test]
async fn length_tells_quantization_and_tied_embeddings() {
    use Quantization::{F16, Q4_K_M, Q8_0};
    for (name, quantization) in
        [("llama-3.1-8b", Q4_K_M), ("llama-3.2-1b", Q4_K_M), ("smollm2-135m", Q8_0), ("mistral-7b-v0.3", F16)]
    {
        let architecture = known(name);
        let weights = guess::weights(&architecture, quantization, true).unwrap().get();
        let size = weights + u64::from(architecture.vocab) * 50;
        // The name decides where sizes are about the same.
        let file_name = format!("https://hub.example/{name}-{quantization}.gguf");
        let file = MemoryFile::new(&file_name, head_of(&architecture), size, Reach::Dimensions);
        let model = read(&file).await.unwrap();
        assert_eq!(model.quantization, Some(quantization), "{name}");
        let found = model.architecture.unwrap();
        assert_eq!(found.tied_embeddings, architecture.tied_embeddings, "{name}");
        let host = guess::host_bytes(&architecture, quantization).unwrap();
        assert_eq!(model.weights.unwrap().host_bytes, host, "{name}");
        assert_eq!(host == Bytes::default(), architecture.tied_embeddings, "{name}");
    }
}

#[tokio::test]
async fn a_name_that_lies_does_not_count() {
    let architecture = known("llama-3.1-8b");
    let size = guess::weights(&architecture, Quantization::Q8_0, true).unwrap().get() + 7_000_000;
    let file = MemoryFile::new("m-Q4_K_M.gguf", head_of(&architecture), size, Reach::Dimensions);
    let model = read(&file).await.unwrap();
    assert_eq!(model.quantization, Some(Quantization::Q8_0));
    assert!(model.notes.contains(&Note::QuantizationFromSize));

    let declared = Declared { architecture: Some(&architecture), quantization: Some(Quantization::Q4_K_M) };
    let found = conflicts(&declared, &model);
    assert!(matches!(found[..], [Conflict::Weights { declared: Quantization::Q4_K_M, .. }]), "{found:?}");
    let right = Declared { quantization: Some(Quantization::Q8_0), ..declared };
    assert_eq!(conflicts(&right, &model), []);
}

/// The tensors of SmolLM2-135M-Instruct as llama-quantize stores them in `Q4_1`: an output of rows that do not fit
/// blocks of 256 becomes `Q8_0`. The file on Hugging Face has 96,576,768 bytes of them.
#[tokio::test]
async fn a_published_file_agrees_to_the_byte() {
    const F32: u32 = 0;
    const Q4_1: u32 = 3;
    const Q8_0: u32 = 8;
    let mut head = cut_head(&known("smollm2-135m"))
        .number("general.file_type", 3)
        .tensor("output_norm.weight", &[576], F32)
        .tensor("token_embd.weight", &[576, 49152], Q8_0);
    for layer in 0..30 {
        let parts: [(&str, &[u64], u32); 9] = [
            ("attn_norm", &[576], F32),
            ("ffn_down", &[1536, 576], Q4_1),
            ("ffn_gate", &[576, 1536], Q4_1),
            ("ffn_up", &[576, 1536], Q4_1),
            ("ffn_norm", &[576], F32),
            ("attn_k", &[576, 192], Q4_1),
            ("attn_output", &[576, 576], Q4_1),
            ("attn_q", &[576, 576], Q4_1),
            ("attn_v", &[576, 192], Q4_1),
        ];
        for (part, dimensions, kind) in parts {
            head = head.tensor(&format!("blk.{layer}.{part}.weight"), dimensions, kind);
        }
    }
    let (bytes, end) = head.build();
    let model = read(&MemoryFile::new("m.gguf", bytes, end, Reach::Tensors)).await.unwrap();
    let architecture = model.architecture.unwrap();
    assert_eq!(architecture, known("smollm2-135m"));
    let weights = FileWeights { bytes: Bytes::new(96_576_768), host_bytes: Bytes::default(), exact: true };
    assert_eq!((model.weights, model.quantization), (Some(weights), Some(Quantization::Q4_1)));
    assert_eq!(guess::weights(&architecture, Quantization::Q4_1, true), Some(weights.bytes));
}

#[tokio::test]
async fn one_of_several_files_gives_no_weights() {
    let (head, end) = small_llama(3000).build();
    let file = MemoryFile::new("m-Q8_0-00001-of-00003.gguf", head, end, Reach::Tensors);
    let model = read(&file).await.unwrap();
    assert_eq!(model.weights, None);
    assert!(model.notes.contains(&Note::Split { files: Some(3) }));

    let (head, end) = small_llama(3000).number("split.count", 2).build();
    let model = read(&MemoryFile::new("m.gguf", head, end, Reach::Tensors)).await.unwrap();
    assert_eq!(model.weights, None);
}

/// A Llama whose output projection and embedding are in the second file.
fn two_files(tokens: u32) -> ((Vec<u8>, u64), (Vec<u8>, u64)) {
    let all = small_llama(tokens);
    let first = all.without_tensors().tensor("output_norm.weight", &[64], 0);
    let vocab = u64::from(tokens);
    let second = GgufHead::new()
        .number("split.no", 1)
        .number("split.count", 2)
        .tensor("token_embd.weight", &[64, vocab], 1)
        .tensor("output.weight", &[64, vocab], 1);
    (first.build(), second.build())
}

#[tokio::test]
async fn files_of_one_model_are_added_up() {
    let tokens = 100_000;
    let ((first, first_end), (second, second_end)) = two_files(tokens);
    let matrix = 64 * u64::from(tokens) * 2;
    let of = |reach| {
        MemoryFile::new("a/m-F16-00001-of-00002.gguf", first.clone(), first_end, reach).beside(
            "m-F16-00002-of-00002.gguf",
            second.clone(),
            second_end,
        )
    };
    let model = read(&of(Reach::Tensors)).await.unwrap();
    let exact =
        FileWeights { bytes: Bytes::new(256 + 2 * matrix), host_bytes: Bytes::new(matrix), exact: true };
    assert_eq!(model.weights, Some(exact));
    assert!(!model.architecture.unwrap().tied_embeddings, "the second file has the output projection");
    assert!(model.notes.contains(&Note::Split { files: Some(2) }));

    let near = read(&of(Reach::Dimensions)).await.unwrap().weights.unwrap();
    assert!(!near.exact && near.bytes >= exact.bytes, "{near:?}");
    assert!(near.bytes.get() < exact.bytes.get() + first_end, "{near:?}");
}

#[tokio::test]
async fn a_file_that_is_missing_or_cut_off_is_named() {
    let ((first, first_end), (second, second_end)) = two_files(3000);
    let with = |name: &str, size| {
        MemoryFile::new("m-00001-of-00002.gguf", first.clone(), first_end, Reach::Tensors).beside(
            name,
            second.clone(),
            size,
        )
    };
    let missing = read(&with("other.gguf", second_end)).await.unwrap_err().to_string();
    assert!(missing.contains("m-00002-of-00002.gguf does not exist"), "{missing}");
    let cut = read(&with("m-00002-of-00002.gguf", second_end - 1)).await.unwrap_err().to_string();
    assert!(cut.contains("m-00002-of-00002.gguf"), "{cut}");

    let later = MemoryFile::new("m-00002-of-00002.gguf", second, second_end, Reach::Tensors);
    let later = read(&later).await.unwrap_err().to_string();
    assert!(later.contains("m-00001-of-00002.gguf"), "{later}");
    let many = MemoryFile::new("m-00001-of-09999.gguf", first, first_end, Reach::Tensors);
    let many = read(&many).await.unwrap_err().to_string();
    assert!(many.contains("9999"), "{many}");
}

#[tokio::test]
async fn a_file_shorter_than_its_tensors_is_cut_off() {
    let (head, end) = small_llama(3000).build();
    let file = MemoryFile::new("m.gguf", head, end - 1, Reach::Tensors);
    let error = GgufError::Truncated { size: end - 1, wanted: end };
    assert_eq!(read(&file).await, Err(ModelFileError::Gguf { name: "m.gguf".to_owned(), error }));

    let head = small_llama(150_000).bytes();
    let file = MemoryFile::new("m.gguf", head.clone(), 500_000, Reach::Tensors);
    let cut = read(&file).await;
    assert!(matches!(
        cut,
        Err(ModelFileError::Gguf { error: GgufError::Truncated { size: 500_000, .. }, .. })
    ));
}

#[tokio::test]
async fn what_is_no_model_is_named() {
    for (bytes, found) in [
        (&b"version https://git-lfs.github.com/spec/v1\noid sha256:0"[..], "Git LFS"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"PK\x03\x04abcdefgh", "PyTorch"),
        (b"", "empty"),
        (b"hello", "no format"),
    ] {
        let file = MemoryFile::new("f", bytes.to_vec(), bytes.len() as u64, Reach::Dimensions);
        let error = read(&file).await.unwrap_err();
        assert!(error.to_string().contains(found), "{error}");
    }
}

fn safetensors(json: &str, data: u64) -> (Vec<u8>, u64) {
    let bytes = [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
    let size = bytes.len() as u64 + data;
    (bytes, size)
}

#[tokio::test]
async fn safetensors_give_exact_weights() {
    // Longer than the first request.
    let json = format!(
        r#"{{"a":{{"dtype":"BF16","shape":[500,2],"data_offsets":[0,2000]}}{}}}"#,
        " ".repeat(100_000)
    );
    let (start, size) = safetensors(&json, 2000);
    let file = MemoryFile::new("m.safetensors", start, size, Reach::Dimensions);
    let model = read(&file).await.unwrap();
    let weights = FileWeights { bytes: Bytes::new(2000), host_bytes: Bytes::default(), exact: true };
    assert_eq!((model.format, model.weights), (Format::Safetensors, Some(weights)));
    assert_eq!(file.cost().0, 2);
}

#[tokio::test]
async fn an_index_gives_the_size_of_all_files() {
    let json = r#" {"metadata":{"total_size":5000},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}"#;
    let file = MemoryFile::new("i.json", json.as_bytes().to_vec(), json.len() as u64, Reach::Dimensions);
    let model = read(&file).await.unwrap();
    assert_eq!(model.weights.unwrap().bytes, Bytes::new(5000));
    assert_eq!(model.notes, [Note::Split { files: Some(2) }]);
}

#[tokio::test]
async fn a_safetensors_file_cut_off_in_its_header_is_refused() {
    let (start, _) = safetensors(&format!("{{{}}}", " ".repeat(1000)), 0);
    let file = MemoryFile::new("m.safetensors", start, 500, Reach::Dimensions);
    let error = SafetensorsError::Truncated { size: 500, wanted: 1010 };
    assert_eq!(
        read(&file).await,
        Err(ModelFileError::Safetensors { name: "m.safetensors".to_owned(), error })
    );
}

#[tokio::test]
async fn conflicts_name_field_and_both_figures() {
    let (head, end) = small_llama(3000).build();
    let model = read(&MemoryFile::new("m.gguf", head, end, Reach::Tensors)).await.unwrap();
    let right = model.architecture.clone().unwrap();
    let same = Declared { architecture: Some(&right), quantization: Some(Quantization::F16) };
    assert_eq!(conflicts(&same, &model), []);
    assert_eq!(conflicts(&Declared::default(), &model), []);

    let shorter = Architecture { context_window: 1024, ..right.clone() };
    assert_eq!(conflicts(&Declared { architecture: Some(&shorter), ..same }, &model), []);

    let wrong = Architecture { layers: 3, context_window: 4096, ..right };
    let declared = Declared { architecture: Some(&wrong), quantization: Some(Quantization::Q8_0) };
    let found: Vec<_> = conflicts(&declared, &model).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "layers is 3; the file says 2",
            "contextWindow is 4096; the file says 2048",
            "quantization is Q8_0; the file says F16"
        ]
    );
}

#[test]
fn weights_of_a_file_are_given_weights() {
    let weights = FileWeights { bytes: Bytes::new(7), host_bytes: Bytes::new(2), exact: true };
    let given = Weights::Given { bytes: Bytes::new(7), host_bytes: Bytes::new(2) };
    assert_eq!(Weights::from(weights), given);
}

#[test]
fn quantizations_in_names() {
    for (name, quantization) in [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", Some(Quantization::Q4_1)),
        ("https://hub.example/a/resolve/main/m-q4_k_m.gguf", Some(Quantization::Q4_K_M)),
        ("m-F16-to-Q8_0.gguf", Some(Quantization::Q8_0)),
        ("m-UD-Q4_K_XL.gguf", None),
        ("model.gguf", None),
    ] {
        assert_eq!(guess::quantization_in(name), quantization, "{name}");
    }
}

#[tokio::test]
async fn local_files_are_read_at_any_offset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.gguf");
    let (head, end) = small_llama(3000).build();
    std::fs::write(&path, &head).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(40 * GB).unwrap();
    let file = super::read::LocalFile::open(&path).await.unwrap();
    assert_eq!(file.size().await, Ok(40 * GB));
    assert_eq!(file.read_at(1, 3).await.unwrap(), &b"GUF"[..]);
    assert_eq!(file.read_at(40 * GB - 1, 8).await.unwrap(), &[0][..]);
    assert_eq!(file.read_at(40 * GB, 8).await.unwrap(), &[][..]);
    assert!(read(&file).await.unwrap().weights.unwrap().exact, "data ends at {end}");

    let missing = super::read::LocalFile::open(&folder.path().join("none")).await;
    assert!(matches!(missing, Err(super::read::ReadError::NotFound { .. })));
    let not_a_file = super::read::LocalFile::open(folder.path()).await;
    assert!(matches!(not_a_file, Err(super::read::ReadError::Io { .. })));
}
