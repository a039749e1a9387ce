//! `size -f`: the file behind `spec.model.source`, read from a registry, a hub or a bucket, and what counts where it
//! cannot be.

use super::model_file::{WEIGHTS, file};
use super::server::{Asked, Server, answer, part};
use super::{Ended, with_stdin};
use flotilla_operator::model_file::read::oci::Digest;

/// A registry with the image `m:1`, in which the model's file is a layer by itself.
fn registry(content: Vec<u8>) -> Server {
    let digest = Digest::of(&content).to_string();
    let manifest = format!(
        r#"{{"schemaVersion": 2, "layers": [{{"mediaType": "application/octet-stream", "digest": "{digest}", "size": {},
            "annotations": {{"org.opencontainers.image.title": "model.gguf"}}}}]}}"#,
        content.len()
    );
    Server::start(move |asked: &Asked| match asked.path.as_str() {
        "/v2/m/manifests/1" => answer("200 OK", "", manifest.as_bytes()),
        path if path.ends_with(&digest) => part(&content, asked),
        _ => answer("404 Not Found", "", b""),
    })
}

fn manifest(server: &Server, model: &str) -> String {
    let address = server.address;
    format!(
        "apiVersion: flotilla.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {{name: tiny}}\n\
         spec:\n  model: {{source: 'oci://{address}/m:1'{model}}}\n  context: {{maxTokens: 2048}}\n"
    )
}

fn size(manifest: &str, flags: &str) -> Ended {
    with_stdin(&format!("size -f - {flags}"), manifest)
}

const DESCRIBED: &str = ", preset: smollm2-135m, quantization: Q8_0";

#[test]
fn the_file_says_what_the_spec_leaves_out() {
    let server = registry(file());
    let ended = size(&manifest(&server, ""), "--plain-http --json");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let value = ended.json();
    assert_eq!((&value["basis"], &value["weightsBytes"]), (&"File".into(), &WEIGHTS.into()));
    assert_eq!((&value["facts"][0], &value["warnings"]), (&"F16".into(), &serde_json::json!([])));
}

#[test]
fn the_files_word_counts_and_a_conflict_is_said() {
    let server = registry(file());
    let value = size(&manifest(&server, DESCRIBED), "--plain-http --json").json();
    assert_eq!((&value["basis"], &value["weightsBytes"]), (&"File".into(), &WEIGHTS.into()));
    let warnings = value["warnings"].to_string();
    assert!(warnings.contains("Q8_0") && warnings.contains("the file's figures are used"), "{warnings}");
    let people = size(&manifest(&server, DESCRIBED), "--plain-http");
    assert!(people.stdout.contains("Warning: "), "{}", people.stdout);
}

#[test]
fn without_the_file_the_spec_counts_with_a_warning() {
    let server = registry(b"no model".to_vec());
    for (flags, why) in [
        ("--offline", "was not read (--offline)"),
        ("--plain-http", "give a GGUF"),
        ("--plain-http --timeout 1", "the figures are those of the spec"),
    ] {
        let value = size(&manifest(&server, DESCRIBED), &format!("{flags} --json")).json();
        assert_eq!(value["basis"], "Preset", "{flags}");
        let warnings = value["warnings"].to_string();
        assert!(warnings.contains(why) && warnings.contains("the file may be another"), "{warnings}");
    }
}

#[test]
fn where_the_spec_says_too_little_the_failure_says_what_to_set() {
    let missing = Server::start(|_| answer("404 Not Found", "", b""));
    let pieces = ["there is no image", "check repository and tag", "spec.model.quantization"];
    size(&manifest(&missing, ""), "--plain-http").refused(&pieces);
    let denied = Server::start(|_| answer("403 Forbidden", "", b""));
    size(&manifest(&denied, ""), "--plain-http").refused(&["HTTP 403", "docker login"]);
    let silent = Server::start(|_| Vec::new());
    size(&manifest(&silent, ""), "--plain-http --timeout 1")
        .refused(&["did not answer within 1", "--timeout"]);
    size(&manifest(&silent, ""), "--offline").refused(&["--offline", "spec.placement.gpuMemory"]);
    let plain = registry(file());
    size(&manifest(&plain, ""), "").refused(&["cannot be reached", "--plain-http"]);
}

#[test]
fn a_declared_need_needs_no_file() {
    let server = Server::start(|_| Vec::new());
    let declared = manifest(&server, "") + "  placement: {gpuMemory: 4Gi}\n";
    let value = size(&declared, "--json").json();
    assert_eq!((&value["basis"], &value["perGPUBytes"]), (&"Declared".into(), &(4_u64 << 30).into()));
    assert!(server.seen().is_empty());
}

#[test]
fn an_image_may_be_named_directly() {
    let server = registry(file());
    let address = server.address;
    let ended = super::flotilla(&format!("size --gguf oci://{address}/m:1 --plain-http -c 2k --json"));
    assert_eq!(ended.json()["weightsBytes"], WEIGHTS, "{}", ended.stderr);
    let file = super::flotilla(&format!("size --gguf oci://{address}/m:1#other.gguf --plain-http"));
    file.refused(&["there is no file other.gguf", "model.gguf"]);
}

/// A manifest of a model on a hub or in a bucket.
fn elsewhere(server: &Server, source: &str) -> String {
    manifest(server, "").replace(
        &format!("source: 'oci://{}/m:1'", server.address),
        &format!("source: '{source}', endpoint: 'http://{}'", server.address),
    )
}

#[test]
fn files_of_hubs_and_buckets_are_read_too() {
    for (source, path) in [
        ("hf://owner/name/m.gguf", "/owner/name/resolve/main/m.gguf"),
        ("s3://models/a/m.gguf", "/models/a/m.gguf"),
    ] {
        let content = file();
        let server = Server::start(move |asked| part(&content, asked));
        let value = size(&elsewhere(&server, source), "--json").json();
        assert_eq!((&value["basis"], &value["weightsBytes"]), (&"File".into(), &WEIGHTS.into()), "{source}");
        let seen = server.seen();
        assert!(
            !seen.is_empty() && seen.iter().all(|asked| asked.path.split('?').next() == Some(path)),
            "{seen:?}"
        );
    }
}

#[test]
fn a_hub_that_has_no_such_file_says_what_to_set() {
    let missing = Server::start(|_| answer("404 Not Found", "", b""));
    let pieces = ["m.gguf does not exist", "spec.model.quantization"];
    size(&elsewhere(&missing, "hf://o/n/m.gguf"), "").refused(&pieces);
    size(&elsewhere(&missing, "hf://o/n/m.gguf"), "--offline").refused(&["m.gguf of 127.0.0.1", "--offline"]);
}
