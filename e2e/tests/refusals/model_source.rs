//! Rows for where a model comes from.

use super::model_deployment::{CUSTOM, LLAMA};
use super::{Row, refused, taken};
use serde_json::{Value, json};

fn model(fields: Value) -> Value {
    json!({"spec": {"model": fields}})
}

fn source(source: &str) -> Value {
    model(json!({"source": source}))
}

const FORM: &str = "source must be oci://";

pub fn rows() -> Vec<Row> {
    [forms(), credentials(), checksums()].into_iter().flatten().collect()
}

fn forms() -> Vec<Row> {
    vec![
        taken(LLAMA, "a file of a hub", source("hf://owner/na.me/q4/m@2.gguf@v1.0")),
        taken(LLAMA, "a file of a hub, of a pull request", source("hf://owner/name/m.gguf@refs/pr/3")),
        refused(LLAMA, "a hub without a repository", source("hf://owner"), FORM),
        refused(
            LLAMA,
            "a whole repository for llama.cpp",
            source("hf://owner/name@refs/pr/3"),
            "engine LlamaCpp loads one model file",
        ),
        taken(CUSTOM, "a whole repository for another engine", source("hf://owner/name@main")),
        refused(
            LLAMA,
            "a file that climbs out of a hub",
            source("hf://owner/name/../m.gguf"),
            "must not contain '..'",
        ),
        taken(LLAMA, "an object of a bucket", source("s3://my.bucket/a/m.gguf")),
        refused(LLAMA, "a bucket without a key", source("s3://bucket/"), FORM),
        taken(LLAMA, "a URL with a query", source("https://host.example:8443/a/m.gguf?sig=1")),
        refused(LLAMA, "a URL without TLS", source("http://host.example/m.gguf"), FORM),
        refused(LLAMA, "a URL with a password", source("https://me:secret@host.example/m.gguf"), FORM),
        refused(LLAMA, "a URL of a folder", source("https://host.example/models/"), FORM),
        taken(LLAMA, "a file of the node", source("file:///srv/models/m.gguf")),
        refused(LLAMA, "a file in the node's root", source("file:///m.gguf"), FORM),
        refused(LLAMA, "a file of a host", source("file://host/srv/m.gguf"), FORM),
        taken(
            LLAMA,
            "a hub's file, which says the rest",
            model(json!({"source": "hf://owner/name/m.gguf", "preset": null})),
        ),
        taken(
            LLAMA,
            "an object, which says the rest",
            model(json!({"source": "s3://b/m.gguf", "preset": null})),
        ),
        taken(
            LLAMA,
            "a URL of what says the rest",
            model(json!({"source": "https://h/m.gguf", "preset": null})),
        ),
        refused(
            LLAMA,
            "a volume's file of which nothing is known",
            model(json!({"source": "pvc://c/m.gguf", "preset": null})),
            "the head of a pvc:// or file:// file is not read",
        ),
        refused(
            LLAMA,
            "a node's file of which nothing is known",
            model(json!({"source": "file:///srv/models/m.gguf", "preset": null})),
            "the head of a pvc:// or file:// file is not read",
        ),
        taken(
            LLAMA,
            "a mirror",
            model(json!({"source": "hf://o/n/m.gguf", "endpoint": "https://hub.example/mirror"})),
        ),
        taken(
            LLAMA,
            "a mirror without TLS",
            model(json!({"source": "hf://o/n/m.gguf", "endpoint": "http://hub.flotilla.svc:8080"})),
        ),
        refused(
            LLAMA,
            "a mirror that is no URL",
            model(json!({"source": "hf://o/n/m.gguf", "endpoint": "hub.example"})),
            "spec.model.endpoint",
        ),
        refused(
            LLAMA,
            "a mirror of a web server",
            model(json!({"source": "https://h/m.gguf", "endpoint": "https://hub.example"})),
            "other sources name their host themselves",
        ),
        taken(LLAMA, "a region", model(json!({"source": "s3://b/m.gguf", "region": "eu-west-1"}))),
        refused(
            LLAMA,
            "a region of a hub",
            model(json!({"source": "hf://o/n/m.gguf", "region": "eu-west-1"})),
            "region is for s3://",
        ),
    ]
}

fn credentials() -> Vec<Row> {
    let cache = json!({"persistentVolumeClaim": {"claimName": "weights"}});
    vec![
        taken(
            LLAMA,
            "a token",
            model(json!({"source": "hf://o/n/m.gguf", "credentialsRef": {"name": "hub"}})),
        ),
        taken(
            LLAMA,
            "a token under a key",
            model(json!({"source": "https://h/m.gguf", "credentialsRef": {"name": "hub", "key": "t"}})),
        ),
        taken(
            LLAMA,
            "keys of a bucket",
            model(json!({"source": "s3://b/m.gguf", "credentialsRef": {"name": "keys"}})),
        ),
        refused(
            LLAMA,
            "one key of a bucket",
            model(json!({"source": "s3://b/m.gguf", "credentialsRef": {"name": "keys", "key": "secret"}})),
            "has the keys AWS_ACCESS_KEY_ID",
        ),
        refused(
            LLAMA,
            "a token for a registry",
            model(json!({"credentialsRef": {"name": "hub"}})),
            "name a Secret in spec.model.pullSecrets",
        ),
        taken(LLAMA, "a cache", model(json!({"source": "hf://o/n/m.gguf", "cache": cache}))),
        refused(
            LLAMA,
            "a cache of what is mounted",
            model(json!({"cache": cache})),
            "spec.model.cache is for what is downloaded",
        ),
        refused(
            LLAMA,
            "a cache without a claim",
            model(json!({"source": "hf://o/n/m.gguf", "cache": {"persistentVolumeClaim": {}}})),
            "claimName: Required value",
        ),
    ]
}

fn checksums() -> Vec<Row> {
    let sha256 = "0123456789abcdef".repeat(4);
    let with = |source: &str| model(json!({"source": source, "sha256": sha256}));
    vec![
        taken(LLAMA, "a checksum", with("https://h/m.gguf")),
        taken(LLAMA, "a checksum of a hub's file", with("hf://o/n/m.gguf@v1")),
        refused(
            LLAMA,
            "half a checksum",
            model(json!({"source": "https://h/m.gguf", "sha256": "0123"})),
            "spec.model.sha256",
        ),
        refused(
            LLAMA,
            "a checksum of an image",
            with("oci://r.example/m:1"),
            "an oci:// source is checked by its digest",
        ),
        refused(
            LLAMA,
            "a checksum of several files",
            with("s3://b/m-00001-of-00002.gguf"),
            "this source has several",
        ),
        refused(CUSTOM, "a checksum of a repository", with("hf://o/n"), "this source has several"),
    ]
}
