//! Each kind of source, with its credentials.

use crate::rig::{Rig, model};
use flotilla_fake_hub::{AccessKey, Contents, Options as HubOptions};
use flotilla_model_source::report::Cause;

#[tokio::test]
async fn the_token_stays_with_the_hub() {
    let rig = Rig::new(HubOptions::default(), Contents::default().with("sub/m.gguf", model(1))).await;
    let storage = format!("http://localhost:{}", rig.hub.address.port());
    // One server may be a hub and a bucket, with credentials for each.
    let (token, access_key) = (Some("t0ken".to_owned()), Some(access_key()));
    rig.hub.set_options(HubOptions { token, access_key, storage });
    rig.fetch("hf://owner/name/sub/m.gguf", &["--token", "t0ken"]).await.unwrap();
    rig.assert_holds("sub/m.gguf", &model(1));
    let asked: Vec<_> = rig.hub.seen().into_iter().map(|asked| asked.authorization.is_some()).collect();
    assert_eq!(asked, [true, false], "the storage is another origin");
}

#[tokio::test]
async fn the_files_of_a_split_model_come_with_the_first() {
    let (one, two) = ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf");
    let contents = Contents::default().with(one, model(1)).with(two, model(2)).with("other.gguf", model(3));
    let rig = Rig::new(HubOptions::default(), contents.clone()).await;
    rig.fetch(&format!("hf://owner/name/{one}"), &[]).await.unwrap();
    rig.assert_holds(one, &model(1));
    rig.assert_holds(two, &model(2));
    assert!(!rig.file("other.gguf").exists());

    let rig = Rig::new(HubOptions::default(), contents).await;
    rig.fetch(&format!("s3://bucket/{one}"), &["--access-key-id", "id", "--secret-access-key", "s"])
        .await
        .unwrap();
    rig.assert_holds(two, &model(2));
}

fn access_key() -> AccessKey {
    AccessKey { id: "AKEXAMPLE".to_owned(), secret: "s3cret/+".to_owned() }
}

#[tokio::test]
async fn s3_requests_are_signed_with_the_key_and_unsigned_without() {
    let options = HubOptions { access_key: Some(access_key()), ..HubOptions::default() };
    let rig = Rig::new(options, Contents::default().with("a b/m+1.gguf", model(1))).await;
    let source = "s3://bucket/a b/m+1.gguf";
    let keys = |id, secret| ["--access-key-id", id, "--secret-access-key", secret];
    let (other_key, other_secret) = (keys("AKOTHER", "s3cret/+"), keys("AKEXAMPLE", "s3cret"));
    for flags in [&[][..], &other_key, &other_secret] {
        let error = rig.fetch(source, flags).await.unwrap_err();
        assert_eq!(error.cause(), Cause::Unauthorized, "{flags:?}: {error}");
        assert!(!error.to_string().contains("X-Amz"), "a signature is shown: {error}");
    }
    let right = keys("AKEXAMPLE", "s3cret/+");
    let temporary = [&right[..], &["--session-token", "t/e=m+p", "--region", "eu-west-1"]].concat();
    for flags in [&right[..], &temporary] {
        rig.fetch(source, flags).await.unwrap();
        rig.assert_holds("m+1.gguf", &model(1));
        std::fs::remove_file(rig.file("m+1.gguf")).unwrap();
    }
}
