//! What goes wrong on the way, and that nothing half is ever served.

use crate::rig::{Rig, SIZE, model};
use flotilla_fake_hub::{Contents, Fault, Options as HubOptions, Script};
use flotilla_model_fetcher::FetchError;
use flotilla_model_source::report::Cause;

const CUT: u64 = 1_000_000;

#[tokio::test]
async fn a_cut_download_goes_on_where_it_ended() {
    let rig = Rig::with_model().await;
    rig.faults(&[Fault::CutAfter(CUT), Fault::CutAfter(CUT)]);
    let meter = rig.fetch_model().await.unwrap();
    rig.assert_holds("m.gguf", &model(1));
    let ranges: Vec<_> = rig.downloads().into_iter().map(|asked| asked.range.is_some()).collect();
    assert_eq!(ranges, [false, true, true]);
    let sent: u64 = rig.downloads().iter().map(|asked| asked.sent).sum();
    // What was under way when the connection broke may come twice.
    assert!(sent < SIZE as u64 + CUT, "{sent} bytes were sent");
    assert_eq!(meter.bytes(), SIZE as u64);
}

#[tokio::test]
async fn a_later_start_goes_on_too() {
    let rig = Rig::with_model().await;
    // No try brings anything more: the start gives up.
    rig.hub.script(Script {
        faults: [Fault::CutAfter(CUT), Fault::Status(503)].into(),
        repeat: true,
        ..Script::default()
    });
    let error = rig.fetch_model().await.unwrap_err();
    assert_eq!(error.cause(), Cause::Interrupted, "{error}");
    assert!(!rig.file("m.gguf").exists());
    let kept = std::fs::metadata(rig.part("m.gguf")).unwrap().len();
    assert!(kept > 0 && kept <= CUT, "{kept} bytes were kept");

    rig.faults(&[]);
    rig.fetch_model().await.unwrap();
    rig.assert_holds("m.gguf", &model(1));
    assert_eq!(rig.downloads().last().unwrap().range, Some(format!("bytes={kept}-")));
    assert!(!rig.part("m.gguf").exists());
}

#[tokio::test]
async fn a_file_that_changed_in_between_is_begun_anew() {
    for source in ["hf://owner/name/m.gguf", "s3://bucket/m.gguf"] {
        let rig = Rig::with_model().await;
        let keys = ["--access-key-id", "id", "--secret-access-key", "secret"];
        rig.hub.script(Script {
            faults: [Fault::CutAfter(CUT), Fault::Status(503)].into(),
            repeat: true,
            ..Script::default()
        });
        rig.fetch(source, &keys).await.unwrap_err();
        rig.hub.set_contents(Contents::default().with("m.gguf", model(2)));
        rig.faults(&[]);
        rig.fetch(source, &keys).await.unwrap();
        rig.assert_holds("m.gguf", &model(2));
    }
}

#[tokio::test]
async fn a_source_without_ranges_is_asked_for_all_again() {
    let rig = Rig::with_model().await;
    rig.hub.script(Script { faults: [Fault::CutAfter(CUT)].into(), no_ranges: true, ..Script::default() });
    rig.fetch_model().await.unwrap();
    rig.assert_holds("m.gguf", &model(1));
}

#[tokio::test]
async fn wrong_bytes_are_thrown_away() {
    let rig = Rig::with_model().await;
    rig.faults(&[Fault::WrongBytes]);
    let error = rig.fetch_model().await.unwrap_err();
    assert_eq!(error.cause(), Cause::ChecksumMismatch, "{error}");
    assert!(!rig.file("m.gguf").exists());
    assert_eq!(std::fs::metadata(rig.part("m.gguf")).unwrap().len(), 0);
    assert_eq!(rig.downloads().len(), 1, "what came as a whole is not asked for again at once");
    // The next start is right.
    rig.fetch_model().await.unwrap();
    rig.assert_holds("m.gguf", &model(1));
}

#[tokio::test]
async fn wrong_bytes_after_a_cut_get_one_fresh_try() {
    let rig = Rig::with_model().await;
    rig.faults(&[Fault::CutAfter(CUT), Fault::WrongBytes]);
    rig.fetch_model().await.unwrap();
    rig.assert_holds("m.gguf", &model(1));
    assert_eq!(rig.downloads().last().unwrap().range, None);
}

#[tokio::test]
async fn the_checksum_of_the_spec_counts() {
    let rig = Rig::with_model().await;
    let zeros = "0".repeat(64);
    let error = rig.fetch("hf://owner/name/m.gguf", &["--sha256", &zeros]).await.unwrap_err();
    assert!(error.to_string().contains(&zeros), "{error}");
    assert_eq!(error.cause(), Cause::ChecksumMismatch);
    assert!(!rig.file("m.gguf").exists());
}

#[tokio::test]
async fn refusals_say_what_to_change_and_are_not_repeated() {
    let secret = HubOptions { token: Some("right".to_owned()), ..HubOptions::default() };
    let contents = || Contents::default().with("m.gguf", model(1));
    for (source, more, cause, piece) in [
        ("hf://owner/name/m.gguf", &["--token", "wrong"][..], Cause::Unauthorized, "GatedRepo"),
        ("hf://owner/name/m.gguf", &[], Cause::Unauthorized, "spec.model.credentialsRef"),
        ("hf://owner/name/other.gguf", &["--token", "right"], Cause::NotFound, "EntryNotFound"),
        ("hf://owner/name@v9", &["--token", "right"], Cause::NotFound, "RevisionNotFound"),
    ] {
        let rig = Rig::new(secret.clone(), contents()).await;
        let error = rig.fetch(source, more).await.unwrap_err();
        assert_eq!(error.cause(), cause, "{source}: {error}");
        assert!(error.to_string().contains(piece) && !error.to_string().contains("wrong"), "{error}");
        assert_eq!(rig.hub.seen().len(), 1, "{source}");
    }
}

#[tokio::test]
async fn a_source_that_asks_for_patience_gets_it() {
    let rig = Rig::with_model().await;
    rig.faults(&[Fault::Status(429), Fault::Status(500), Fault::Status(408)]);
    rig.fetch_model().await.unwrap();
    rig.assert_holds("m.gguf", &model(1));
    let FetchError::Unavailable { retry_after, .. } = ({
        rig.hub.script(Script { faults: [Fault::Status(429)].into(), repeat: true, ..Script::default() });
        std::fs::remove_dir_all(rig.cache.path().join("model")).unwrap();
        rig.fetch_model().await.unwrap_err()
    }) else {
        panic!("an answer of 429 is one of a source that is busy");
    };
    assert_eq!(retry_after.map(|wait| wait.as_secs()), Some(1));
}

#[tokio::test]
async fn a_source_that_is_away_is_told_so() {
    let rig = Rig::with_model().await;
    // Nothing listens on the discard port.
    let error = rig.fetch_from("http://127.0.0.1:9", "hf://owner/name/m.gguf", &[]).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Interrupted, "{error}");
    assert!(error.to_string().contains("cannot be reached"), "{error}");
}
