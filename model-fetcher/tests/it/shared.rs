//! One cache, several replicas, several starts.

use crate::rig::{Rig, SIZE, model};
use flotilla_fake_hub::{Contents, Fault, Options as HubOptions, Script};

#[tokio::test]
async fn two_replicas_at_once_download_once() {
    let rig = Rig::with_model().await;
    rig.hub.script(Script { gap_ms: 1, ..Script::default() });
    let (one, two) = tokio::join!(rig.fetch_model(), rig.fetch_model());
    assert_eq!((one.unwrap().bytes(), two.unwrap().bytes()), (SIZE as u64, SIZE as u64));
    assert_eq!(rig.downloads().len(), 1);
    rig.assert_holds("m.gguf", &model(1));
}

#[tokio::test]
async fn a_model_that_is_there_needs_no_source() {
    let rig = Rig::with_model().await;
    rig.fetch_model().await.unwrap();
    let asked = rig.hub.seen().len();
    let meter = rig.fetch_model().await.unwrap();
    assert_eq!((rig.hub.seen().len(), meter.bytes()), (asked, SIZE as u64));
}

#[tokio::test]
async fn a_file_that_somebody_cut_is_brought_again() {
    let rig = Rig::with_model().await;
    rig.fetch_model().await.unwrap();
    std::fs::write(rig.file("m.gguf"), b"half").unwrap();
    rig.fetch_model().await.unwrap();
    rig.assert_holds("m.gguf", &model(1));
}

/// A kubelet that is told to stop a pod kills its containers in the end.
#[tokio::test]
async fn a_start_that_is_dropped_frees_the_lock_and_leaves_what_it_has() {
    let rig = Rig::with_model().await;
    rig.hub.script(Script { gap_ms: 50, ..Script::default() });
    let begun = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        tokio::select! {
            _ = rig.fetch_model() => {}
            () = some_bytes(&rig) => {}
        }
    });
    begun.await.unwrap();
    assert!(!rig.file("m.gguf").exists());
    rig.faults(&[]);
    rig.fetch_model().await.unwrap();
    rig.assert_holds("m.gguf", &model(1));
    assert!(rig.downloads().last().unwrap().range.is_some());
}

async fn some_bytes(rig: &Rig) {
    while std::fs::metadata(rig.part("m.gguf")).map_or(0, |part| part.len()) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

/// A whole repository: what is pushed between two starts does not mix with what is there.
#[tokio::test]
async fn all_files_come_from_one_commit() {
    let first = Contents::default()
        .with("config.json", &b"{\"v\": 1}"[..])
        .with("model.safetensors", model(1))
        .with("README.md", &b"words"[..]);
    let rig = Rig::new(HubOptions::default(), first.clone()).await;
    rig.hub.script(Script {
        faults: [Fault::None, Fault::Status(503)].into(),
        repeat: true,
        ..Script::default()
    });
    rig.fetch("hf://owner/name", &[]).await.unwrap_err();
    assert!(rig.file("config.json").exists(), "the first file is whole");

    // The hub's stand-in knows only one commit at a time: asked for the old one, it has nothing.
    rig.hub.set_contents(first.clone().with("model.safetensors", model(2)));
    rig.faults(&[]);
    rig.fetch("hf://owner/name", &[]).await.unwrap_err();
    rig.hub.set_contents(first);
    rig.fetch("hf://owner/name", &[]).await.unwrap();
    rig.assert_holds("model.safetensors", &model(1));
    assert!(!rig.file("README.md").exists());
    let lists = rig.hub.seen().iter().filter(|asked| asked.path.starts_with("/api/")).count();
    assert_eq!(lists, 1);
}
