//! Parts of files in images, read from a registry that serves, refuses and fails.

use crate::registry::{
    Behaviour, Registry, TAR, TAR_GZIP, TAR_ZSTD, archive, archive_head, gzip, link, zstd,
};
use flotilla_operator::model_file::read::oci::{
    Basic, Digest, Image, OciError, OciFile, Reference, Transport, TransportOptions,
};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

fn transport(registries: &[&Registry]) -> Arc<Transport> {
    let plain_http = registries.iter().map(|registry| registry.address.clone()).collect();
    Arc::new(Transport::new(TransportOptions { plain_http, ..TransportOptions::default() }).unwrap())
}

fn reference(registry: &Registry, version: &str) -> Reference {
    Reference::parse(&format!("{}/m{version}", registry.address)).unwrap()
}

async fn open_as(registry: &Registry, user: Option<Basic>, path: &str) -> Result<OciFile, OciError> {
    let image = Image::open(&transport(&[registry]), &reference(registry, ":1"), user).await?;
    image.file(path).await
}

async fn open(registry: &Registry, path: &str) -> Result<OciFile, OciError> {
    open_as(registry, None, path).await
}

async fn whole(file: &OciFile) -> Vec<u8> {
    file.read(0, usize::MAX).await.unwrap().to_vec()
}

#[tokio::test]
async fn any_part_of_a_large_file_costs_that_part() {
    let registry = Registry::start(Behaviour::default()).await;
    let size = 40_000_000_000;
    let head = archive_head("model.gguf", size, b"GGUF and more");
    registry.image("1", &[registry.sparse_layer(TAR, &head, size + 2048)]);
    let file = open(&registry, "model.gguf").await.unwrap();
    assert_eq!(file.length(), size);
    assert_eq!(file.read(0, 4).await.unwrap(), "GGUF");
    assert_eq!(file.read(9, 4).await.unwrap(), "more");
    assert_eq!(file.read(size - 2, 100).await.unwrap(), [0_u8, 0].as_slice(), "no byte after its end");
    assert_eq!(file.read(size, 100).await.unwrap(), "");
    assert!(registry.sent() < 32 * 1024, "{} bytes", registry.sent());
}

#[tokio::test]
async fn files_are_found_in_each_kind_of_layer() {
    let long = format!("{}/model.gguf", "folder/".repeat(30));
    let files = [("readme", &b"other"[..]), ("./a/model.gguf", b"first"), (long.as_str(), b"second")];
    let tar = archive(&files);
    for (media_type, bytes) in [(TAR, tar.clone()), (TAR_GZIP, gzip(&tar)), (TAR_ZSTD, zstd(&tar))] {
        let registry = Registry::start(Behaviour::default()).await;
        registry.image("1", &[registry.layer(media_type, &bytes)]);
        for (path, content) in [("a/model.gguf", "first"), ("/a//model.gguf", "first"), (&long, "second")] {
            let file = open(&registry, path).await.unwrap();
            assert_eq!(whole(&file).await, content.as_bytes(), "{media_type} {path}");
        }
    }
    let registry = Registry::start(Behaviour::default()).await;
    let mut raw = registry.layer("application/vnd.example.model", b"raw content");
    raw["annotations"] = json!({"org.opencontainers.image.title": "model.gguf"});
    registry.image("1", &[raw]);
    assert_eq!(whole(&open(&registry, "model.gguf").await.unwrap()).await, b"raw content");
}

#[tokio::test]
async fn the_topmost_layer_that_speaks_of_a_file_counts() {
    let registry = Registry::start(Behaviour::default()).await;
    let bottom =
        registry.layer(TAR, &archive(&[("model.gguf", b"old"), ("kept.gguf", b"kept"), ("d/x", b"x")]));
    let top = registry.layer(
        TAR,
        &archive(&[(".wh.gone.gguf", b""), ("model.gguf", b"new"), ("d/.wh..wh..opq", b""), ("d/y", b"y")]),
    );
    registry.image("1", &[bottom, top]);
    for (path, content) in
        [("model.gguf", Some("new")), ("kept.gguf", Some("kept")), ("d/y", Some("y")), ("d/x", None)]
    {
        match (open(&registry, path).await, content) {
            (Ok(file), Some(content)) => assert_eq!(whole(&file).await, content.as_bytes(), "{path}"),
            (Err(OciError::FileNotFound { .. }), None) => {}
            (other, _) => panic!("{path}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn links_lead_to_files_of_any_layer_and_loops_end() {
    let registry = Registry::start(Behaviour::default()).await;
    let layers = [
        registry.layer(TAR, &archive(&[("blobs/ab12", b"content")])),
        registry.layer(TAR, &link("a/model.gguf", "../blobs/ab12", tar::EntryType::Symlink)),
        registry.layer(TAR, &link("b/model.gguf", "blobs/ab12", tar::EntryType::Link)),
        registry.layer(TAR, &link("loop", "loop", tar::EntryType::Symlink)),
    ];
    registry.image("1", &layers);
    for path in ["a/model.gguf", "b/model.gguf"] {
        assert_eq!(whole(&open(&registry, path).await.unwrap()).await, b"content", "{path}");
    }
    assert!(matches!(open(&registry, "loop").await, Err(OciError::FileNotFound { .. })));
}

#[tokio::test]
async fn an_index_leads_to_its_image_and_the_digest_is_the_index_s() {
    let registry = Registry::start(Behaviour::default()).await;
    let image = registry.image("inner", &[registry.layer(TAR, &archive(&[("model.gguf", b"x")]))]);
    let listed =
        json!({"digest": image.as_str(), "size": 1, "platform": {"os": "linux", "architecture": "arm64"}});
    let index = registry.manifest("1", &json!({"schemaVersion": 2, "manifests": [listed]}));
    let by_tag = Image::open(&transport(&[&registry]), &reference(&registry, ":1"), None).await.unwrap();
    assert_eq!(by_tag.digest(), &index);
    assert_eq!(whole(&by_tag.file("model.gguf").await.unwrap()).await, b"x");
    let itself = registry.manifest("loop", &json!({"manifests": [{"digest": index.as_str(), "size": 1}]}));
    let deeper = json!({"manifests": [{"digest": itself.as_str(), "size": 1}]});
    registry.manifest("deep", &deeper);
    Image::open(&transport(&[&registry]), &reference(&registry, ":deep"), None).await.unwrap_err();
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let registry = Registry::start(Behaviour::default()).await;
    let missing = open(&registry, "model.gguf").await.unwrap_err();
    assert!(matches!(missing, OciError::ImageNotFound { .. }) && !missing.is_passing(), "{missing:?}");

    let tar = archive(&[("a.gguf", b""), ("b.gguf", b"")]);
    registry.image("1", &[registry.layer(TAR, &tar)]);
    let said = open(&registry, "c.gguf").await.unwrap_err().to_string();
    assert!(said.contains("c.gguf") && said.contains("it holds a.gguf, b.gguf"), "{said}");

    let lost = json!({"mediaType": TAR, "digest": Digest::of(b"lost").as_str(), "size": 4096});
    registry.image("1", &[lost]);
    assert!(matches!(open(&registry, "m").await, Err(OciError::BlobNotFound { .. })));

    registry.image("1", &[registry.layer("text/plain", b"x")]);
    assert!(matches!(open(&registry, "m").await, Err(OciError::MediaType { .. })));
}

#[tokio::test]
async fn what_was_changed_on_its_way_is_refused() {
    let registry = Registry::start(Behaviour::default()).await;
    let digest = registry.image("1", &[registry.layer(TAR, &archive(&[("m", b"x")]))]);
    registry.forge(digest.as_str(), br#"{"layers": []}"#);
    let pinned = reference(&registry, &format!("@{digest}"));
    let error = Image::open(&transport(&[&registry]), &pinned, None).await.unwrap_err();
    assert!(matches!(error, OciError::DigestMismatch { .. }), "{error:?}");
    registry.forge("1", b"{");
    assert!(matches!(open(&registry, "m").await, Err(OciError::Malformed { .. })));
    registry.forge("1", &vec![b' '; 5 * 1024 * 1024]);
    assert!(matches!(open(&registry, "m").await, Err(OciError::TooLarge { .. })));
}

#[tokio::test]
async fn tokens_and_passwords_are_sent_to_those_who_ask() {
    let user = || Some(Basic::new("ann", "secret"));
    for (tokens, protected) in [(true, false), (true, true), (false, true)] {
        let registry = Registry::start(Behaviour {
            tokens,
            user: protected.then_some(("ann", "secret")),
            ..Behaviour::default()
        })
        .await;
        registry.image("1", &[registry.layer(TAR, &archive(&[("m", b"x")]))]);
        let file = open_as(&registry, user().filter(|_| protected), "m").await.unwrap();
        assert_eq!(whole(&file).await, b"x", "tokens {tokens}, protected {protected}");
        let challenged = registry.seen().iter().filter(|seen| seen.authorization.is_none()).count();
        assert!(challenged <= 2, "asked without what it had been given: {:?}", registry.seen());
        if protected {
            let anonymous = open(&registry, "m").await.unwrap_err();
            assert!(matches!(anonymous, OciError::Denied { anonymous: true, .. }), "{anonymous:?}");
            let wrong = open_as(&registry, Some(Basic::new("ann", "guess")), "m").await.unwrap_err();
            assert!(matches!(wrong, OciError::Denied { anonymous: false, .. }), "{wrong:?}");
            assert!(!wrong.to_string().contains("guess"));
        }
    }
    let closed = Registry::start(Behaviour { status: Some(403), ..Behaviour::default() }).await;
    assert!(matches!(open(&closed, "m").await, Err(OciError::Denied { status: 403, .. })));
}

#[tokio::test]
async fn a_redirect_is_followed_without_the_password() {
    let storage = Registry::start(Behaviour::default()).await;
    let user = Some(("ann", "secret"));
    let blobs_at = Some(format!("http://{}", storage.address));
    let registry = Registry::start(Behaviour { user, blobs_at, ..Behaviour::default() }).await;
    registry.image("1", &[storage.layer(TAR, &archive(&[("m", b"x")]))]);
    let reach = |transport: Arc<Transport>| {
        let reference = reference(&registry, ":1");
        async move {
            let image = Image::open(&transport, &reference, Some(Basic::new("ann", "secret"))).await?;
            image.file("m").await
        }
    };
    let file = reach(transport(&[&registry, &storage])).await.unwrap();
    assert_eq!(whole(&file).await, b"x");
    assert!(storage.seen().iter().all(|seen| seen.authorization.is_none()), "{:?}", storage.seen());
    // The storage is no registry that may be spoken to in the clear.
    let error = reach(transport(&[&registry])).await.unwrap_err();
    assert!(matches!(error, OciError::Redirect { .. }), "{error:?}");

    let circle = Registry::start(Behaviour::default()).await;
    circle.behave(Behaviour { blobs_at: Some(format!("http://{}", circle.address)), ..Behaviour::default() });
    circle.image("1", &[circle.layer(TAR, b"x")]);
    assert!(matches!(open(&circle, "m").await, Err(OciError::Redirect { .. })));
}

#[tokio::test]
async fn compressed_layers_are_read_up_to_a_bound() {
    let registry = Registry::start(Behaviour::default()).await;
    // Zeros would compress to nothing; this does not compress.
    let noise: Vec<u8> =
        (0_u32..1_500_000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let blob = gzip(&archive(&[("model.gguf", &noise), ("late.gguf", b"late")]));
    registry.image("1", &[registry.layer(TAR_GZIP, &blob)]);
    let file = open(&registry, "model.gguf").await.unwrap();
    assert_eq!(file.read(0, 1000).await.unwrap(), noise[..1000]);
    let before = registry.sent();
    assert_eq!(file.read(1000, 1000).await.unwrap(), noise[1000..2000]);
    assert_eq!(registry.sent(), before, "what was decompressed is kept");
    assert!(before < 512 * 1024, "{before} bytes");
    assert_eq!(file.read(1_000_000, 1000).await.unwrap(), noise[1_000_000..1_001_000]);
    for error in
        [file.read(5_000_000, 10).await.unwrap_err(), open(&registry, "late.gguf").await.unwrap_err()]
    {
        assert!(matches!(error, OciError::Bounded { .. }), "{error:?}");
        assert!(error.to_string().contains("uncompressed layer"), "{error}");
    }
}

#[tokio::test]
async fn without_ranges_only_the_beginning_is_read() {
    let registry = Registry::start(Behaviour { no_ranges: true, ..Behaviour::default() }).await;
    let size = 16_000_000;
    let head = archive_head("model.gguf", size, b"GGUF");
    registry.image("1", &[registry.sparse_layer(TAR, &head, size + 2048)]);
    let file = open(&registry, "model.gguf").await.unwrap();
    assert_eq!(file.read(0, 4).await.unwrap(), "GGUF");
    assert!(matches!(file.read(10_000_000, 4).await, Err(OciError::Bounded { .. })));
}

#[tokio::test]
async fn registries_that_fail_are_told_from_those_that_refuse() {
    let failing = Registry::start(Behaviour { status: Some(503), ..Behaviour::default() }).await;
    assert!(open(&failing, "m").await.unwrap_err().is_passing());

    let registry = Registry::start(Behaviour { silent: true, ..Behaviour::default() }).await;
    let plain_http = [registry.address.clone()].into();
    let options =
        TransportOptions { plain_http, deadline: Duration::from_millis(50), ..TransportOptions::default() };
    let transport = Arc::new(Transport::new(options).unwrap());
    let late = Image::open(&transport, &reference(&registry, ":1"), None).await.unwrap_err();
    assert!(matches!(late, OciError::TimedOut { .. }) && late.is_passing(), "{late:?}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hang_up = tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            drop(connection);
        }
    });
    let options =
        TransportOptions { plain_http: [address.to_string()].into(), ..TransportOptions::default() };
    let transport = Arc::new(Transport::new(options).unwrap());
    let reference = Reference::parse(&format!("{address}/m:1")).unwrap();
    let lost = Image::open(&transport, &reference, None).await.unwrap_err();
    hang_up.abort();
    assert!(matches!(lost, OciError::Unreachable { .. }) && lost.is_passing(), "{lost:?}");
}

#[tokio::test]
async fn a_registry_is_spoken_to_with_tls_unless_told_otherwise() {
    let registry = Registry::start(Behaviour::default()).await;
    let error = Image::open(&transport(&[]), &reference(&registry, ":1"), None).await.unwrap_err();
    assert!(matches!(error, OciError::Unreachable { .. }), "{error:?}");
    assert!(registry.seen().is_empty());
}

#[tokio::test]
async fn hostile_archives_end_in_an_error() {
    let registry = Registry::start(Behaviour::default()).await;
    // A size of 2^64 less a little, and an endless row of entries.
    let huge = archive_head("other", u64::MAX - 511, b"");
    let mut endless = Vec::new();
    for _ in 0..5000 {
        endless.extend(archive_head("other", 0, b""));
    }
    for (name, bytes) in [("huge", huge), ("endless", endless), ("noise", vec![b'x'; 4096])] {
        registry.image("1", &[registry.layer(TAR, &bytes)]);
        let error = open(&registry, "m").await.unwrap_err();
        assert!(
            matches!(
                error,
                OciError::Malformed { .. } | OciError::Bounded { .. } | OciError::FileNotFound { .. }
            ),
            "{name}: {error:?}"
        );
    }
    // A file that the layer's end cuts off.
    registry.image("1", &[registry.layer(TAR, &archive_head("m", 1000, b"short"))]);
    let file = open(&registry, "m").await.unwrap();
    assert!(matches!(file.read(0, 1000).await, Err(OciError::Malformed { .. })));
}
