//! What keeps a model in a cache: `flotilla-fetch hold`, as the kubelet runs it.

use crate::rig::Rig;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::OpenOptions;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::{Child, Command};

/// Longer than any of this takes.
const PATIENCE: Duration = Duration::from_mins(1);

fn hold(rig: &Rig, folders: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_flotilla-fetch"))
        .arg("hold")
        .arg("--cache")
        .arg(rig.cache.path())
        .args(folders.iter().flat_map(|folder| ["--folder", folder]))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Whether nobody holds a model.
fn is_free(rig: &Rig, folder: &str) -> bool {
    let file = OpenOptions::new().append(true).open(rig.cache.path().join(folder).join("use"));
    file.is_ok_and(|file| file.try_lock().is_ok())
}

#[tokio::test]
async fn models_are_held_until_the_pod_ends() {
    let rig = Rig::with_model().await;
    rig.fetch("hf://owner/name/m.gguf", &["--make-room"]).await.unwrap();
    assert!(is_free(&rig, "model"), "a fetcher that is done holds nothing");
    let child = hold(&rig, &["model", "adapter"]);
    let held = async {
        while ["model", "adapter"]
            .iter()
            .any(|folder| is_free(&rig, folder) || !rig.cache.path().join(folder).exists())
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, held).await.unwrap();
    // A second replica does not wait for the first.
    rig.fetch("hf://owner/name/m.gguf", &["--make-room"]).await.unwrap();
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(is_free(&rig, "model") && is_free(&rig, "adapter"));
}

#[tokio::test]
async fn a_holder_wants_to_know_what() {
    let rig = Rig::with_model().await;
    let output = hold(&rig, &[]).wait_with_output().await.unwrap();
    assert!(
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("--folder"),
        "{output:?}"
    );
    let bare = Command::new(env!("CARGO_BIN_EXE_flotilla-fetch")).output().await.unwrap();
    assert!(!bare.status.success() && String::from_utf8_lossy(&bare.stderr).contains("--source"), "{bare:?}");
}
