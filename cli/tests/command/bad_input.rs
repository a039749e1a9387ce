//! Input from anywhere: a message that says what to change, exit code 2, no panic.

use super::{flotilla, with_stdin};

fn manifest(spec: &str) -> String {
    format!(
        "apiVersion: flotilla.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {{name: llama}}\nspec: {spec}\n"
    )
}

#[test]
fn names_that_do_not_exist_bring_the_nearest() {
    flotilla("size -p lama-3.2-3b -q Q4_K_M").refused(&[
        "lama-3.2-3b",
        "llama-3.2-3b",
        "kubectl flotilla presets",
    ]);
    flotilla("size -p llama-3.2-3b -q Q4_KM").refused(&["Q4_KM", "did you mean Q4_K_M"]);
    flotilla("size -p llama-3.2-3b -q Q4_K_M -k Q9").refused(&["Q9", "Q8_0"]);
    flotilla("size -p llama-3.2-3b -q Q4_K_M --gpu rtx4091").refused(&["rtx4091", "RTX 4090"]);
    flotilla("size -p llama-3.2-3b -q Q4_K_M --gpu RTX-4060-Ti").refused(&["8GB", "16GB"]);
    flotilla("size -p llama-3.2-3b -e vllm -q AQW").refused(&["AQW", "did you mean AWQ", "vLLM"]);
    flotilla("size -p llama-3.2-3b -e vllm -q Q4_K_M").refused(&["GGUF type", "--engine llamacpp"]);
    flotilla("size -p llama-3.2-3b -q AWQ").refused(&["llama.cpp does not load AWQ", "--engine vllm"]);
    flotilla("size -p llama-3.2-3b -q FP8 -e vlm").refused(&["vlm", "vllm"]);
    flotilla("size -p llama-3.2-3b -q FP8 -e vllm --engine-version new").refused(&["\"new\"", "0.11"]);
    flotilla("size -p llama-3.2-3b -q Q4_K_M --engine-version 1.2").refused(&["--engine-version is for"]);
    flotilla("siz").refused(&["'size'"]);
}

#[test]
fn what_is_missing_is_said() {
    flotilla("size").refused(&["--preset", "--filename", "--gguf", "--config-json"]);
    flotilla("size -p llama-3.2-3b").refused(&["add --quantization"]);
    flotilla("size -p llama-3.2-3b -f x.yaml").refused(&["cannot be used with"]);
}

#[test]
fn numbers_have_bounds() {
    for (flag, value) in [
        ("--context", "0"),
        ("--context", "-5"),
        ("--context", "99999999999"),
        ("--context", "4294967295k"),
        ("--context", "many"),
        ("--sequences", "0"),
        ("--sequences", "-1"),
        ("--sequences", "1.5"),
        ("--gpus", "0"),
        ("--headroom", "100"),
        ("--headroom", "-1"),
        ("--adapters", "1025"),
        ("--timeout", "0"),
    ] {
        flotilla(&format!("size -p llama-3.2-3b -q Q4_K_M {flag} {value}")).refused(&[flag, "must be"]);
    }
    flotilla("size -p llama-3.2-3b -q Q4_K_M -s 4294967295").refused(&["at most 256"]);
    flotilla("size -p llama-3.2-3b -q Q4_K_M -c 4294967295").refused(&["context window"]);
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    flotilla(&format!("size -f {path}/none.yaml")).refused(&["none.yaml", "no such file"]);
    flotilla(&format!("size -f {path}")).refused(&["directory"]);
    std::fs::write(folder.path().join("binary.yaml"), [0xff, 0xfe, 0x00, 0x47]).unwrap();
    flotilla(&format!("size -f {path}/binary.yaml")).refused(&["UTF-8"]);
}

#[test]
fn manifests_that_the_api_server_would_refuse() {
    for (spec, pieces) in [
        ("{model: {presett: llama-3.2-3b}}", ["spec.model.presett", "did you mean preset?"]),
        ("{model: {preset: llama-3.2-3b, quantization: Q4_KM}}", ["spec.model.quantization", "Q4_K_M"]),
        ("{model: {}, context: {maxTokens: 0}}", ["spec.context.maxTokens is 0", "from 256"]),
        ("{model: {}, context: {maxTokens: -1}}", ["spec.context.maxTokens is -1", "whole number"]),
        ("{model: {}, context: {maxTokens: 1e300}}", ["spec.context.maxTokens", "whole number"]),
        ("{model: {}, context: {maxTokens: many}}", ["spec.context.maxTokens", "a number"]),
        ("{model: [llama]}", ["spec.model must be a map", "[\"llama\"]"]),
        ("{engine: {type: Vlm}, model: {}}", ["spec.engine.type", "the nearest are"]),
        ("{context: {}}", ["spec.model is missing", "llama"]),
    ] {
        with_stdin("size -f -", &manifest(spec)).refused(&pieces);
    }
    let nothing_to_go_by = with_stdin("size -f -", &manifest("{model: {source: 'pvc://weights/m.gguf'}}"));
    nothing_to_go_by.refused(&["m.gguf lies in volume weights", "spec.model.quantization"]);
    let on_nodes = with_stdin("size -f -", &manifest("{model: {source: 'file:///srv/m.gguf'}}"));
    on_nodes.refused(&["m.gguf lies on nodes", "spec.model.quantization"]);
}

#[test]
fn streams_that_are_no_manifests() {
    with_stdin("size -f -", "").refused(&["standard input has no ModelDeployment"]);
    with_stdin("size -f -", "---\n---\n").refused(&["no ModelDeployment"]);
    with_stdin("size -f -", "kind: Service\n").refused(&["no ModelDeployment"]);
    with_stdin("size -f -", "name: llama\n").refused(&["no kind"]);
    with_stdin("size -f -", "a: [1, 2\nb: }").refused(&["standard input"]);
    with_stdin("size -f -", "a: &a [*a, *a]").refused(&["standard input"]);
    let old = manifest("{model: {}}").replace("v1alpha1", "v9");
    with_stdin("size -f -", &old).refused(&["flotilla.dev/v9", "use flotilla.dev/v1alpha1"]);
    with_stdin("size -f -", &"[".repeat(100_000)).refused(&["standard input"]);
}

#[test]
fn model_files_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    flotilla(&format!("size --gguf {path}/none.gguf")).refused(&["none.gguf", "does not exist"]);
    flotilla(&format!("size --gguf {path}")).refused(&["not a regular file"]);
    write("empty.gguf", b"");
    flotilla(&format!("size --gguf {path}/empty.gguf")).refused(&["empty.gguf", "empty"]);
    write("page.gguf", b"<!doctype html><p>Sign in");
    flotilla(&format!("size --gguf {path}/page.gguf")).refused(&["page.gguf", "web page"]);
    write("cut.gguf", b"GGUF\x03\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x14\0\0");
    flotilla(&format!("size --gguf {path}/cut.gguf")).refused(&["cut.gguf"]);
    let mut hostile = b"GGUF\x03\0\0\0".to_vec();
    hostile.extend([0xff_u8; 64]);
    write("hostile.gguf", &hostile);
    flotilla(&format!("size --gguf {path}/hostile.gguf")).refused(&["hostile.gguf"]);
    flotilla("size --gguf ftp://example.com/m.gguf").refused(&["ftp://example.com/m.gguf"]);
}

#[test]
fn configurations_that_are_none() {
    let of = |json: &str| with_stdin("size --config-json -", json);
    of("").refused(&["standard input"]);
    of("[1]").refused(&["standard input", "object"]);
    of("{}").refused(&["standard input"]);
    of("{\"hidden_size\": -1, \"num_hidden_layers\": 2}").refused(&["hidden_size"]);
    flotilla("size --config-json /none/config.json").refused(&["no such file"]);
}
