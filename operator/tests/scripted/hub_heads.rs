//! Objects whose model lies on a hub or in a bucket: sized by the head of the file there.

use crate::api_server::ApiServer;
use crate::heads::{condition, files, gguf, is, said, settle};
use crate::reconcile::{DEPLOYMENT, OBJECT, context};
use base64::Engine as _;
use flotilla_fake_hub::{AccessKey, Asked, Contents, Fault, Hub, Options, Script};
use flotilla_operator::internal_hosts::InternalHosts;
use flotilla_operator::model_deployment::Context;
use flotilla_operator::model_file::read::oci::{Transport, TransportOptions};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const TOKEN: &str = "t0ken";
/// Of the bucket.
const KEY_ID: &str = "AKEXAMPLE";
const SECRET: &str = "s3cret/+";
/// How often what may move is looked at again, and a little.
const REFRESH: Duration = Duration::from_mins(11);

async fn hub(file: &[u8]) -> Hub {
    let options = Options {
        token: Some(TOKEN.to_owned()),
        access_key: Some(AccessKey { id: KEY_ID.to_owned(), secret: SECRET.to_owned() }),
        ..Options::default()
    };
    let contents = Contents::default().with("q/model.gguf", file.to_vec());
    Hub::start(([127, 0, 0, 1], 0).into(), options, contents).await.unwrap()
}

/// An operator that may ask this machine, or that may not.
async fn operator(server: &ApiServer, here: bool) -> Arc<Context> {
    let registries = Transport::new(TransportOptions::default()).unwrap();
    let hosts = InternalHosts { allowed: here, api_server: None };
    context(server, true, files(server, registries, hosts)).await
}

fn object(hub: &Hub, model: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
        "metadata": {"name": "tiny", "namespace": "apps", "generation": 1},
        "spec": {
            "model": {"source": "hf://owner/name/q/model.gguf", "endpoint": hub.url(),
                "credentialsRef": {"name": "keys"}},
            "context": {"maxTokens": 4096, "parallelSequences": 2},
            "replicas": 1,
        },
    });
    object["spec"]["model"].as_object_mut().unwrap().extend(model.as_object().unwrap().clone());
    object
}

fn put_secret(server: &ApiServer, values: &[(&str, &str)]) {
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let data: serde_json::Map<_, _> =
        values.iter().map(|(key, value)| ((*key).to_owned(), json!(encode(value)))).collect();
    server.put(
        "/api/v1/namespaces/apps/secrets/keys",
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "apps"},
            "data": data}),
    );
}

#[tokio::test]
async fn a_file_of_a_hub_is_sized_by_its_head_with_the_token() {
    let hub = hub(&gguf(1)).await;
    let server = ApiServer::default();
    let operator = operator(&server, true).await;
    put_secret(&server, &[("token", TOKEN)]);
    server.put(OBJECT, object(&hub, &json!({})));
    let status = settle(&server, &operator).await;
    assert_eq!(said(&status, "Sized"), is("True", "FileRead"), "{status}");
    assert_eq!((&status["memory"]["basis"], &status["quantization"]), (&json!("File"), &json!("F16")));
    // 2 layers of 1 KV head of 32 values, keys and values, 2 bytes each, 8192 tokens: 2 MiB.
    assert_eq!(status["memory"]["kvCache"], "2Mi");
    assert!(server.get(DEPLOYMENT).unwrap().to_string().contains(r#""--ctx-size","8192""#));
    assert!(!status.to_string().contains(TOKEN));

    let asked = hub.seen().len();
    settle(&server, &operator).await;
    assert_eq!(hub.seen().len(), asked, "it was read again");
}

#[tokio::test]
async fn a_large_file_costs_its_head_alone() {
    let mut file = gguf(1);
    file.resize(file.len() + (64 << 20), 0);
    let hub = hub(&file).await;
    let server = ApiServer::default();
    let operator = operator(&server, true).await;
    put_secret(&server, &[("token", TOKEN)]);
    server.put(OBJECT, object(&hub, &json!({})));
    let status = settle(&server, &operator).await;
    assert_eq!(said(&status, "Sized"), is("True", "FileRead"), "{status}");
    let sent: u64 = hub.seen().iter().map(|asked| asked.sent).sum();
    assert!(sent < 1 << 20, "{sent} bytes of 64 MiB");
}

#[tokio::test]
async fn an_object_of_a_bucket_is_sized_by_its_head_with_the_keys() {
    let hub = hub(&gguf(1)).await;
    let server = ApiServer::default();
    let operator = operator(&server, true).await;
    let bucket = object(&hub, &json!({"source": "s3://models/q/model.gguf"}));
    server.put(OBJECT, bucket.clone());
    let status = settle(&server, &operator).await;
    assert_eq!(said(&status, "Ready"), is("False", "SecretNotFound"), "{status}");

    for (secret, kind, verdict) in
        [("other", "Ready", is("False", "SourceDenied")), (SECRET, "Sized", is("True", "FileRead"))]
    {
        put_secret(&server, &[("AWS_ACCESS_KEY_ID", KEY_ID), ("AWS_SECRET_ACCESS_KEY", secret)]);
        let operator = self::operator(&server, true).await;
        server.put(OBJECT, bucket.clone());
        let status = settle(&server, &operator).await;
        assert_eq!(said(&status, kind), verdict, "{secret}: {status}");
        assert!(!status.to_string().contains("X-Amz"), "a signature is shown: {status}");
    }
}

#[tokio::test]
async fn without_its_file_an_object_waits_or_goes_by_its_spec() {
    let failing =
        |status| Script { faults: [Fault::Status(status)].into(), repeat: true, ..Script::default() };
    let text = b"This is a text and no model.".to_vec();
    for (name, file, model, script, here, reason, lasting) in [
        (
            "missing",
            gguf(1),
            json!({"source": "hf://o/n/no.gguf"}),
            Script::default(),
            true,
            "ModelFileNotFound",
            true,
        ),
        ("no token", gguf(1), json!({"credentialsRef": null}), Script::default(), true, "SourceDenied", true),
        (
            "no key",
            gguf(1),
            json!({"credentialsRef": {"name": "keys", "key": "t"}}),
            Script::default(),
            true,
            "SecretNotFound",
            true,
        ),
        ("failing", gguf(1), json!({}), failing(503), true, "SourceUnreachable", false),
        ("a text", text, json!({}), Script::default(), true, "ModelFileInvalid", true),
        ("inside", gguf(1), json!({}), Script::default(), false, "SourceRefused", true),
    ] {
        let hub = hub(&file).await;
        hub.script(script);
        let server = ApiServer::default();
        put_secret(&server, &[("token", TOKEN)]);
        let operator = operator(&server, here).await;
        server.put(OBJECT, object(&hub, &model));
        let status = settle(&server, &operator).await;
        assert_eq!(said(&status, "Ready"), is("False", reason), "{name}: {status}");
        assert_eq!(said(&status, "Stalled").0, if lasting { "True" } else { "False" }, "{name}: {status}");
        let message = condition(&status, "Sized")["message"].to_string();
        assert!(message.contains("set spec.model.quantization"), "{name}: {message}");
        assert!(server.get(DEPLOYMENT).is_none(), "{name}");
        assert!(here || hub.seen().is_empty(), "{name}: {:?}", hub.seen());

        let mut described = object(&hub, &model);
        described["spec"]["model"]["preset"] = json!("smollm2-135m");
        described["spec"]["model"]["quantization"] = json!("Q4_1");
        server.put(OBJECT, described);
        let status = settle(&server, &operator).await;
        assert_eq!(said(&status, "Sized"), is("Unknown", reason), "{name}: {status}");
        assert!(server.get(DEPLOYMENT).is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_branch_is_looked_at_again_and_read_again_only_if_it_moved() {
    let hub = hub(&gguf(1)).await;
    let server = ApiServer::default();
    let operator = operator(&server, true).await;
    put_secret(&server, &[("token", TOKEN)]);
    server.put(OBJECT, object(&hub, &json!({})));
    let first = settle(&server, &operator).await;
    let asked = hub.seen().len();

    later().await;
    settle(&server, &operator).await;
    let since: Vec<Asked> = hub.seen().split_off(asked);
    assert!(!since.is_empty() && since.iter().all(|asked| asked.sent <= 1), "{since:?}");

    let asked = hub.seen().len();
    hub.set_contents(Contents::default().with("q/model.gguf", gguf(2)));
    later().await;
    let status = settle(&server, &operator).await;
    assert!(hub.seen().len() > asked + 2, "{:?}", hub.seen());
    assert_eq!((&first["memory"]["kvCache"], &status["memory"]["kvCache"]), (&json!("2Mi"), &json!("4Mi")));
}

#[tokio::test]
async fn a_file_with_a_checksum_is_read_once() {
    let hub = hub(&gguf(1)).await;
    let server = ApiServer::default();
    let operator = operator(&server, true).await;
    put_secret(&server, &[("token", TOKEN)]);
    server.put(OBJECT, object(&hub, &json!({"sha256": "0".repeat(64)})));
    settle(&server, &operator).await;
    let asked = hub.seen().len();
    later().await;
    settle(&server, &operator).await;
    assert_eq!(hub.seen().len(), asked);
}

/// Until what may move is due.
async fn later() {
    tokio::time::pause();
    tokio::time::advance(REFRESH).await;
    tokio::time::resume();
}

#[tokio::test]
async fn what_one_namespace_may_read_another_may_not() {
    let hub = hub(&gguf(1)).await;
    let server = ApiServer::default();
    let operator = operator(&server, true).await;
    put_secret(&server, &[("token", TOKEN)]);
    server.put(OBJECT, object(&hub, &json!({})));
    let status = settle(&server, &operator).await;
    assert_eq!(said(&status, "Sized"), is("True", "FileRead"), "{status}");
    // Nor those of the same namespace who do not name the Secret.
    server.put(OBJECT, object(&hub, &json!({"credentialsRef": null})));
    let status = settle(&server, &operator).await;
    assert_eq!(said(&status, "Ready"), is("False", "SourceDenied"), "{status}");
}
