//! The cache's disk is full, and then it is not.

use crate::hub::{downloads, hub_model, start};
use crate::objects::{apply, serving, wait, with_flotilla};
use crate::volume::{claim, release};
use flotilla_e2e::bed::Paths;
use flotilla_e2e::command::{command, output};
use serde_json::json;
use std::path::Path;

/// A disk of its own, in memory; gone when it is dropped, or with the bed.
struct Disk(String);

impl Disk {
    fn new(name: &str, size: &str) -> Self {
        let path = Paths::from_env().unwrap().state.join(name).display().to_string();
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
