//! The program as the kubelet sees it: exit code, termination message, log, and SIGTERM.

use crate::rig::{Rig, SIZE, model};
use flotilla_fake_hub::{Contents, Options as HubOptions, Script};
use flotilla_model_source::report::{Cause, Failure, Progress};
use rustix::process::{Pid, Signal, kill_process};
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::{Child, Command};

/// Longer than any of this takes.
const PATIENCE: Duration = Duration::from_mins(1);

struct Run {
    child: Child,
    termination: PathBuf,
}

impl Run {
    fn start(rig: &Rig, token: &str) -> Self {
        let termination = rig.cache.path().join("termination-log");
        let child = Command::new(env!("CARGO_BIN_EXE_flotilla-fetch"))
            .args(["--source", "hf://owner/name/m.gguf", "--folder", "model", "--endpoint", &rig.hub.url()])
            .arg("--cache")
            .arg(rig.cache.path())
            .arg("--termination-file")
            .arg(&termination)
            .env("FLOTILLA_TOKEN", token)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self { child, termination }
    }

    /// Its end, and the message that it left.
    async fn end(self) -> (Output, Option<Failure>) {
        let Self { child, termination } = self;
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await.unwrap().unwrap();
        let message = std::fs::read_to_string(termination).ok();
        (output, message.and_then(|message| Failure::parse(&message)))
    }
}

async fn rig() -> Rig {
    let options = HubOptions { token: Some("t0ken".to_owned()), ..HubOptions::default() };
    Rig::new(options, Contents::default().with("m.gguf", model(1))).await
}

#[tokio::test]
async fn success_is_0_and_leaves_no_message() {
    let rig = rig().await;
    let (output, failure) = Run::start(&rig, "t0ken").end().await;
    assert_eq!((output.status.code(), failure), (Some(0), None), "{output:?}");
    rig.assert_holds("m.gguf", &model(1));
}

#[tokio::test]
async fn a_refusal_leaves_its_cause_and_no_secret() {
    let rig = rig().await;
    let (output, failure) = Run::start(&rig, "wr0ng").end().await;
    assert_eq!(output.status.code(), Some(Cause::Unauthorized.exit_code().into()));
    let failure = failure.unwrap();
    assert_eq!((failure.cause, failure.bytes), (Cause::Unauthorized, 0));
    let said = format!(
        "{}{}{}",
        failure.message,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(failure.message.contains("401") && !said.contains("wr0ng"), "{said}");
}

#[tokio::test]
async fn a_pod_that_goes_leaves_what_it_has_for_the_next() {
    let rig = rig().await;
    rig.hub.script(Script { gap_ms: 20, ..Script::default() });
    let run = Run::start(&rig, "t0ken");
    let pid = Pid::from_raw(run.child.id().unwrap().try_into().unwrap()).unwrap();
    let begun = async {
        while std::fs::metadata(rig.part("m.gguf")).map_or(0, |part| part.len()) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, begun).await.unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let (output, failure) = run.end().await;
    assert_eq!(output.status.code(), Some(Cause::Interrupted.exit_code().into()));
    let failure = failure.unwrap();
    assert!(failure.cause == Cause::Interrupted && failure.bytes > 0, "{failure:?}");
    let progress = Progress::last_of(&String::from_utf8_lossy(&output.stdout)).unwrap();
    assert!(progress.bytes <= failure.bytes, "{progress:?} {failure:?}");

    rig.faults(&[]);
    let (output, _) = Run::start(&rig, "t0ken").end().await;
    assert_eq!(output.status.code(), Some(0));
    rig.assert_holds("m.gguf", &model(1));
    let sent: u64 = rig.downloads().iter().map(|asked| asked.sent).sum();
    assert!(sent < 2 * SIZE as u64, "{sent} bytes were sent");
    assert!(rig.downloads().last().unwrap().range.is_some());
}
