//! Objects that say nothing of their model but where it is: sized by the head of the file, or held with a reason.

use crate::api_server::ApiServer;
use crate::reconcile::{DEPLOYMENT, OBJECT, context, once};
use crate::registry::{Behaviour, Registry, TAR, archive};
use base64::Engine as _;
use flotilla_operator::internal_hosts::InternalHosts;
use flotilla_operator::model_deployment::Context;
use flotilla_operator::model_deployment::file::{Files, Readers};
use flotilla_operator::model_file::read::HttpsClient;
use flotilla_operator::model_file::read::oci::{Transport, TransportOptions};
use serde_json::{Value, json};
use std::sync::Arc;

/// An operator of its own: nothing remembered but what is in the cluster.
async fn operator(server: &ApiServer, registry: &Registry) -> Arc<Context> {
    let plain_http = [registry.address.clone()].into();
    let registries = Transport::new(TransportOptions { plain_http, ..TransportOptions::default() }).unwrap();
    let here = InternalHosts { allowed: true, api_server: None };
    context(server, true, files(server, registries, here)).await
}

pub(crate) fn files(server: &ApiServer, registries: Transport, hosts: InternalHosts) -> Files {
    let sources = HttpsClient::new(None, hosts).unwrap();
    Files::new(Readers { registries: Arc::new(registries), sources, client: server.client() })
}

fn object(registry: &Registry, model: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
        "metadata": {"name": "tiny", "namespace": "apps", "generation": 1},
        "spec": {
            "model": {"source": format!("oci://{}/m:1", registry.address)},
            "context": {"maxTokens": 1024, "parallelSequences": 2},
            "replicas": 1,
        },
    });
    object["spec"]["model"].as_object_mut().unwrap().extend(model.as_object().unwrap().clone());
    object
}

/// Reconciles until nothing is being read any more; returns the status.
pub(crate) async fn settle(server: &ApiServer, context: &Arc<Context>) -> Value {
    for _ in 0..100 {
        once(server, context).await.unwrap();
        let status = server.get(OBJECT).unwrap()["status"].clone();
        if condition(&status, "Sized")["reason"] != "ReadingFile" {
            return status;
        }
    }
    panic!("the file is read for ever");
}

pub(crate) fn condition(status: &Value, kind: &str) -> Value {
    let conditions = status["conditions"].as_array().unwrap();
    conditions.iter().find(|condition| condition["type"] == kind).unwrap().clone()
}

/// Status and reason of a condition.
pub(crate) fn said(status: &Value, kind: &str) -> (String, String) {
    let condition = condition(status, kind);
    let text = |field: &str| condition[field].as_str().unwrap().to_owned();
    (text("status"), text("reason"))
}

pub(crate) fn is(status: &str, reason: &str) -> (String, String) {
    (status.to_owned(), reason.to_owned())
}

/// The head of a GGUF file of a Llama with 2 layers, then weights.
pub(crate) fn gguf(kv_heads: u32) -> Vec<u8> {
    let mut pairs: Vec<Vec<u8>> = Vec::new();
    let mut pair = |key: &str, kind: u32, value: &[u8]| {
        let length = (key.len() as u64).to_le_bytes();
        pairs.push([&length[..], key.as_bytes(), &kind.to_le_bytes(), value].concat());
    };
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    pair("general.architecture", 8, &text("llama"));
    for (key, value) in [
        ("general.file_type", 1),
        ("llama.block_count", 2),
        ("llama.context_length", 32_768),
        ("llama.embedding_length", 64),
        ("llama.feed_forward_length", 128),
        ("llama.attention.head_count", 2),
        ("llama.attention.head_count_kv", kv_heads),
        ("llama.vocab_size", 320),
    ] {
        pair(key, 4, &value.to_le_bytes());
    }
    let tokens: Vec<u8> = (0..320).flat_map(|token| text(&format!("t{token}"))).collect();
    pair("tokenizer.ggml.tokens", 9, &[&8_u32.to_le_bytes()[..], &320_u64.to_le_bytes(), &tokens].concat());

    let tensors = [("token_embd.weight", [64_u64, 320]), ("output.weight", [64, 320])];
    let mut offset = 0_u64;
    let mut infos = Vec::new();
    for (name, shape) in tensors {
        infos.extend(text(name));
        infos.extend(2_u32.to_le_bytes());
        infos.extend(shape.iter().flat_map(|size| size.to_le_bytes()));
        infos.extend(1_u32.to_le_bytes());
        infos.extend(offset.to_le_bytes());
        offset += shape.iter().product::<u64>() * 2;
    }
    let mut file = b"GGUF".to_vec();
    file.extend(3_u32.to_le_bytes());
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((pairs.len() as u64).to_le_bytes());
    file.extend(pairs.concat());
    file.extend(infos);
    file.resize(file.len().next_multiple_of(32), 0);
    file.resize(file.len() + usize::try_from(offset).unwrap(), 7);
    file
}

async fn registry_with(file: &[u8]) -> Registry {
    let registry = Registry::start(Behaviour::default()).await;
    registry.image("1", &[registry.layer(TAR, &archive(&[("model.gguf", file)]))]);
    registry
}

#[tokio::test]
async fn a_source_alone_is_sized_by_its_file_once() {
    let registry = registry_with(&gguf(1)).await;
    let server = ApiServer::default();
    let operator = operator(&server, &registry).await;
    server.put(OBJECT, object(&registry, &json!({})));
    let status = settle(&server, &operator).await;
    assert_eq!(said(&status, "Sized"), is("True", "FileRead"), "{status}");
    assert_eq!(status["memory"]["basis"], "File");
    assert_eq!(status["quantization"], "F16");
    // 2 layers of 1 KV head of 32 values, keys and values, 2 bytes each, 2048 tokens: 512 KiB.
    assert_eq!(status["memory"]["kvCache"], "1Mi");
    let deployment = server.get(DEPLOYMENT).unwrap().to_string();
    assert!(deployment.contains(r#""--ctx-size","2048""#), "{deployment}");

    let asked = registry.seen().len();
    settle(&server, &operator).await;
    assert_eq!(registry.seen().len(), asked, "it was read again");
}

#[tokio::test]
async fn a_spec_that_says_otherwise_is_told_so_and_the_file_counts() {
    let registry = registry_with(&gguf(1)).await;
    let server = ApiServer::default();
    let operator = operator(&server, &registry).await;
    server.put(OBJECT, object(&registry, &json!({"preset": "smollm2-135m", "quantization": "Q4_1"})));
    let status = settle(&server, &operator).await;
    assert_eq!(said(&status, "Sized"), is("False", "SpecContradictsFile"));
    let message = condition(&status, "Sized")["message"].clone();
    for piece in [
        "layers is 30; the file says 2",
        "quantization is Q4_1; the file says F16",
        "the file's figures are used",
    ] {
        assert!(message.as_str().unwrap().contains(piece), "{piece:?} is not in {message}");
    }
    assert_eq!(status["memory"]["basis"], "File");
    assert_eq!(said(&status, "Accepted"), is("True", "Accepted"));
    assert!(server.get(DEPLOYMENT).is_some(), "a conflict stops nothing");
}

#[tokio::test]
async fn without_its_file_an_object_waits_or_goes_by_its_spec() {
    let damaged = [&gguf(1)[..16], &[0xff; 64]].concat();
    for (name, registry, reason, lasting) in [
        ("no image", Registry::start(Behaviour::default()).await, "ModelImageNotFound", true),
        (
            "refused",
            Registry::start(Behaviour { status: Some(401), ..Behaviour::default() }).await,
            "RegistryDenied",
            true,
        ),
        (
            "failing",
            Registry::start(Behaviour { status: Some(500), ..Behaviour::default() }).await,
            "RegistryUnreachable",
            false,
        ),
        ("damaged", registry_with(&damaged).await, "ModelFileInvalid", true),
        ("a text", registry_with(b"This is a text and no model.").await, "ModelFileInvalid", true),
        ("empty", registry_with(b"").await, "ModelFileInvalid", true),
    ] {
        let server = ApiServer::default();
        let operator = operator(&server, &registry).await;
        server.put(OBJECT, object(&registry, &json!({})));
        let status = settle(&server, &operator).await;
        assert_eq!(said(&status, "Ready"), is("False", reason), "{name}: {status}");
        let stalled = said(&status, "Stalled").0;
        assert_eq!(stalled, if lasting { "True" } else { "False" }, "{name}: {status}");
        let message = condition(&status, "Sized")["message"].to_string();
        assert!(message.contains("set spec.model.quantization"), "{name}: {message}");
        assert!(status.get("memory").is_none() && server.get(DEPLOYMENT).is_none(), "{name}: {status}");

        // With a spec that says it all, the same file is no obstacle, and the figure is not said to be sure.
        server.put(OBJECT, object(&registry, &json!({"preset": "smollm2-135m", "quantization": "Q4_1"})));
        let status = settle(&server, &operator).await;
        assert_eq!(said(&status, "Sized"), is("Unknown", reason), "{name}: {status}");
        assert_eq!(status["memory"]["basis"], "Preset");
        assert!(condition(&status, "Sized")["message"].to_string().contains("the figures of the spec count"));
        assert!(server.get(DEPLOYMENT).is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_registry_that_is_away_replaces_no_running_pod() {
    let registry = registry_with(&gguf(1)).await;
    let server = ApiServer::default();
    server.put(OBJECT, object(&registry, &json!({})));
    settle(&server, &operator_of(&server, &registry).await).await;
    let before = server.get(DEPLOYMENT).unwrap();

    registry.behave(Behaviour { status: Some(503), ..Behaviour::default() });
    let status = settle(&server, &operator_of(&server, &registry).await).await;
    assert_eq!(said(&status, "Sized"), is("Unknown", "RegistryUnreachable"));
    assert_eq!(status["memory"]["basis"], "File", "{status}");
    let after = server.get(DEPLOYMENT).unwrap();
    assert_eq!(after["spec"], before["spec"]);
}

#[tokio::test]
async fn what_runs_by_the_spec_goes_on_while_the_head_is_tried_again() {
    let registry = registry_with(&gguf(1)).await;
    registry.behave(Behaviour { status: Some(503), ..Behaviour::default() });
    let server = ApiServer::default();
    server.put(OBJECT, object(&registry, &json!({"preset": "smollm2-135m", "quantization": "F16"})));
    let before = settle(&server, &operator_of(&server, &registry).await).await;
    assert_eq!(said(&before, "Sized"), is("Unknown", "RegistryUnreachable"));
    let deployment = server.get(DEPLOYMENT).unwrap();

    registry.behave(Behaviour { silent: true, ..Behaviour::default() });
    once(&server, &operator_of(&server, &registry).await).await.unwrap();
    let status = server.get(OBJECT).unwrap()["status"].clone();
    assert_eq!(said(&status, "Sized"), is("Unknown", "ReadingFile"), "{status}");
    assert_eq!(said(&status, "Ready"), said(&before, "Ready"), "{status}");
    assert_eq!((&status["memory"], &status["placement"]), (&before["memory"], &before["placement"]));
    assert_eq!(server.get(DEPLOYMENT).unwrap()["spec"], deployment["spec"]);
}

/// As [`operator`], with the object as it is.
async fn operator_of(server: &ApiServer, registry: &Registry) -> Arc<Context> {
    let object = server.get(OBJECT).unwrap();
    let operator = operator(server, registry).await;
    server.put(OBJECT, object);
    operator
}

#[tokio::test]
async fn the_pull_secrets_of_the_object_are_used_and_no_others() {
    let registry = registry_with(&gguf(1)).await;
    registry.behave(Behaviour { user: Some(("ann", "secret")), tokens: true, ..Behaviour::default() });
    let server = ApiServer::default();
    let operator = operator(&server, &registry).await;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let config = json!({"auths": {registry.address.clone(): {"auth": encode("ann:secret")}}});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull", "namespace": "apps"},
        "data": {".dockerconfigjson": encode(&config.to_string())}});
    server.put("/api/v1/namespaces/apps/secrets/pull", secret);

    let named = json!({"pullSecrets": [{"name": "missing"}, {"name": "pull"}]});
    server.put(OBJECT, object(&registry, &named));
    let status = settle(&server, &operator).await;
    assert_eq!(said(&status, "Sized"), is("True", "FileRead"), "{status}");
    let pod = server.get(DEPLOYMENT).unwrap()["spec"]["template"]["spec"].clone();
    assert_eq!(pod["imagePullSecrets"], named["pullSecrets"]);

    // What was read with credentials is not told to those who have none.
    server.put(OBJECT, object(&registry, &json!({})));
    let status = settle(&server, &operator).await;
    assert_eq!(said(&status, "Ready"), is("False", "RegistryDenied"), "{status}");
}
