//! The cache's disk is full, and then it is not.

use crate::hub::{downloads, hub_model, start};
use crate::objects::{apply, pods_are, serving, wait, with_flotilla};
use crate::volume::{claim, release};
use flotilla_e2e::bed::Paths;
use flotilla_e2e::command::{command, output};
use serde_json::json;
use std::io::{self, ErrorKind};
use std::path::Path;

/// A disk of its own, in memory; gone when it is dropped, or with the bed.
struct Disk(String);

impl Disk {
    fn new(name: &str, size: &str) -> Self {
        Self::at(&Paths::from_env().unwrap().state.join(name), size)
    }

    fn at(path: &Path, size: &str) -> Self {
        let path = path.display().to_string();
        std::fs::create_dir_all(&path).unwrap();
        let options = format!("size={size},mode=0777");
        output(&mut command("mount", ["-t", "tmpfs", "-o", &options, "tmpfs", &path])).unwrap();
        Self(path)
    }

    fn resize(&self, size: &str) {
        output(&mut command("mount", ["-o", &format!("remount,size={size}"), &self.0])).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = output(&mut command("umount", ["--lazy", &self.0]));
        let _ = std::fs::remove_dir(Path::new(&self.0));
    }
}

#[tokio::test]
async fn a_full_disk_is_told_with_figures_and_serves_once_there_is_room() {
    with_flotilla("disk_full", async |_, namespace| {
        let disk = Disk::new(&namespace.name, "8m");
        start(&namespace).await?;
        claim(&namespace, "small", &disk.0, "Directory").await?;
        let mut object = hub_model(&namespace, "full", "model.gguf");
        object["spec"]["model"]["cache"] = json!({"persistentVolumeClaim": {"claimName": "small"}});
        apply(&namespace, &object).await?;
        let message = wait(&namespace, "full", "ModelLoaded", "False", "DiskFull").await?;
        assert!(message.contains("MiB free"), "{message}");
        wait(&namespace, "full", "Stalled", "True", "DiskFull").await?;
        assert!(downloads(&namespace).await.iter().all(|asked| asked.sent < 1 << 20), "no file came");

        disk.resize("256m");
        serving(&namespace, "full").await?;
        release(&namespace).await;
        Ok(())
    })
    .await;
}

/// Left free by fetchers.
const RESERVE: u64 = 64 << 20;

#[tokio::test]
async fn a_node_gives_up_a_model_that_nothing_uses_for_one_that_is_asked_for() {
    with_flotilla("cache_room", async |_, namespace| {
        let disk = Disk::at(&Paths::from_env()?.models().join(&namespace.name), "512m");
        start(&namespace).await?;
        let mut first = hub_model(&namespace, "first", "model.gguf");
        apply(&namespace, &first).await?;
        serving(&namespace, "first").await?;
        let entry = std::fs::read_dir(&disk.0).unwrap().next().unwrap().unwrap().path();
        let size = std::fs::metadata(entry.join("files/model.gguf")).unwrap().len();
        disk.resize(&(RESERVE + size * 3 / 2).to_string());

        // The same file, by another name: another model to the cache.
        let mut second = hub_model(&namespace, "second", "model.gguf");
        second["spec"]["model"]["source"] = json!("s3://models/model.gguf");
        second["spec"]["model"]["credentialsRef"] = json!({"name": "bucket-keys"});
        apply(&namespace, &second).await?;
        // Long unused, by its time; but held by the pod that serves it.
        make_old(&entry).unwrap();
        wait(&namespace, "second", "ModelLoaded", "False", "DiskFull").await?;
        assert!(entry.exists());

        first["spec"]["replicas"] = json!(0);
        apply(&namespace, &first).await?;
        pods_are(&namespace, "first", 0).await?;
        // Its holder may have renewed it once more, and the cache may have given it up already.
        if let Err(error) = make_old(&entry) {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        }
        serving(&namespace, "second").await?;
        assert!(!entry.exists(), "{} is still there", entry.display());
        Ok(())
    })
    .await;
}

/// As if nothing had used a model for a day.
fn make_old(entry: &Path) -> io::Result<()> {
    let file = std::fs::OpenOptions::new().append(true).open(entry.join("use"))?;
    let a_day_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24);
    file.set_modified(a_day_ago.into())
}
