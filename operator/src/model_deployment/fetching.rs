//! What a pod's fetcher does, told from the pod's status and the fetcher's own words: pure.

use super::failure::{Problem, excerpt};
use super::fetch::fetched_by;
use crate::conditions::{Reason, Verdict};
use flotilla_crds::model_deployment::DownloadStatus;
use flotilla_model_source::report::{Cause, Failure, Progress};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

const MIB: u64 = 1 << 20;

/// Waiting reasons of the kubelet that do not pass by themselves.
const WAITING_SIGNS: &[(&str, Reason)] = &[
    ("ErrImagePull", Reason::EngineImagePullFailed),
    ("ImagePullBackOff", Reason::EngineImagePullFailed),
    ("InvalidImageName", Reason::EngineImagePullFailed),
    ("CreateContainerConfigError", Reason::SecretNotFound),
];

/// A fetcher that has not yet brought its model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetching {
    /// Its container.
    pub container: String,
    /// The adapter that it brings; none for the model.
    pub adapter: Option<String>,
    /// Whether it runs now.
    pub running: bool,
    /// What its last run ended with.
    pub failure: Option<Failure>,
    /// What keeps it from running.
    pub waiting: Option<Problem>,
}

/// What a running fetcher says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Its pod.
    pub pod: String,
    /// Its container.
    pub container: String,
    /// Its last word, once there is one.
    pub progress: Option<Progress>,
}

impl Fetching {
    /// Reads a pod; none where nothing is fetched, or all is there.
    pub fn of(pod: &Pod) -> Option<Self> {
        let statuses = pod.status.as_ref()?.init_container_statuses.as_deref()?;
        let done = |status: &ContainerStatus| {
            let end = status.state.as_ref().and_then(|state| state.terminated.as_ref());
            end.is_some_and(|end| end.exit_code == 0)
        };
        // They run one after the other.
        let mut fetchers = statuses.iter().filter_map(|status| Some((status, fetched_by(&status.name)?)));
        let (fetcher, adapter) = fetchers.find(|(status, _)| !done(status))?;
        let state = fetcher.state.clone().unwrap_or_default();
        let last = fetcher.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let end = state.terminated.as_ref().or(last).filter(|end| end.exit_code != 0);
        Some(Self {
            container: fetcher.name.clone(),
            adapter: adapter.map(str::to_owned),
            running: state.running.is_some(),
            failure: end.map(failure),
            waiting: waiting(fetcher, adapter),
        })
    }

    /// What it means for `ModelLoaded`.
    pub fn verdict(&self, pod: &str, download: Option<&Download>) -> Verdict {
        if let Some(Problem { reason, message }) = &self.waiting {
            return Verdict::no(*reason, format!("pod {pod}: {message}"));
        }
        let ours = |download: &&Download| download.pod == pod && download.container == self.container;
        let progress = download.filter(ours).and_then(|download| download.progress);
        let adapter = self.adapter.as_ref().map(|name| format!("adapter {name}"));
        let what = adapter.as_deref().unwrap_or("the model");
        let at = adapter.as_ref().map_or_else(|| pod.to_owned(), |adapter| format!("{pod}, {adapter}"));
        // A new run that came further than the last one is on its way again.
        let stands = |failure: &&Failure| progress.is_none_or(|progress| progress.bytes <= failure.bytes);
        match self.failure.as_ref().filter(stands) {
            Some(Failure { cause: Cause::Interrupted, message, .. }) => {
                let message = format!("pod {at}: {message}; the download goes on where it ended");
                Verdict::unknown(Reason::DownloadInterrupted, message)
            }
            Some(Failure { cause, message, .. }) => {
                Verdict::no(reason(*cause), format!("pod {at}: {}", excerpt(message)))
            }
            None => {
                let does =
                    progress.map_or_else(|| format!("downloads {what}"), |progress| words(what, &progress));
                Verdict::unknown(Reason::Downloading, format!("pod {pod} {does}"))
            }
        }
    }
}

impl Download {
    /// For the status.
    pub fn status(&self) -> DownloadStatus {
        let mib = |bytes: u64| crate::kube_ext::mib(bytes / MIB);
        DownloadStatus {
            pod: self.pod.clone(),
            percent: self.progress.and_then(|progress| progress.percent()).map(i32::from),
            downloaded: self.progress.map(|progress| mib(progress.bytes)),
            total: self.progress.and_then(|progress| progress.total).map(mib),
            megabytes_per_second: self.progress.map(|progress| megabytes(progress.bytes_per_second)),
        }
    }
}

fn waiting(fetcher: &ContainerStatus, adapter: Option<&str>) -> Option<Problem> {
    let waiting = fetcher.state.as_ref()?.waiting.as_ref()?;
    let (_, reason) = WAITING_SIGNS.iter().find(|(sign, _)| Some(*sign) == waiting.reason.as_deref())?;
    let detail = excerpt(waiting.message.as_deref().unwrap_or_default());
    let message = match reason {
        Reason::SecretNotFound => match adapter {
            None => format!("spec.model.credentialsRef: {detail}"),
            Some(name) => format!("credentialsRef of adapter {name}: {detail}"),
        },
        _ => format!("image {}: {detail}", fetcher.image),
    };
    Some(Problem { reason: *reason, message })
}

/// The fetcher's own word, or what the kubelet knows of one that could leave none.
fn failure(end: &ContainerStateTerminated) -> Failure {
    let said = end.message.as_deref().and_then(Failure::parse);
    said.unwrap_or_else(|| Failure {
        // Killed: the next run goes on.
        cause: if end.exit_code > 128 { Cause::Interrupted } else { Cause::Failed },
        message: format!(
            "the fetcher ended with exit code {} ({})",
            end.exit_code,
            end.reason.as_deref().unwrap_or("Error")
        ),
        bytes: 0,
    })
}

const fn reason(cause: Cause) -> Reason {
    match cause {
        Cause::Unauthorized => Reason::DownloadUnauthorized,
        Cause::NotFound => Reason::ModelFileNotFound,
        Cause::ChecksumMismatch => Reason::ChecksumMismatch,
        Cause::DiskFull => Reason::DiskFull,
        Cause::Interrupted => Reason::DownloadInterrupted,
        Cause::Failed => Reason::DownloadFailed,
    }
}

fn words(what: &str, progress: &Progress) -> String {
    let share = match (progress.percent(), progress.total) {
        (Some(percent), Some(total)) => format!("{percent} % of {} MiB", total / MIB),
        _ => format!("{} MiB so far", progress.bytes / MIB),
    };
    if progress.waiting {
        return format!("waits for another replica of the node, which downloads {what}: {share}");
    }
    format!("downloads {what}: {share}, {} MB/s", megabytes(progress.bytes_per_second))
}

fn megabytes(bytes: u64) -> i32 {
    i32::try_from(bytes / 1_000_000).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn fetching(state: &Value, last: &Value) -> Option<Fetching> {
        let status = json!({"name": "fetch", "image": "example/fetch:1", "imageID": "", "ready": false,
            "restartCount": 0, "state": state, "lastState": last});
        let pod = json!({"metadata": {"name": "p"}, "status": {"initContainerStatuses": [status]}});
        Fetching::of(&serde_json::from_value(pod).unwrap())
    }

    fn ended(code: i32, message: &str) -> Value {
        json!({"terminated": {"exitCode": code, "reason": "Error", "message": message}})
    }

    fn said(cause: Cause, bytes: u64) -> String {
        serde_json::to_string(&Failure { cause, message: "because".to_owned(), bytes }).unwrap()
    }

    fn running() -> Value {
        json!({"running": {"startedAt": null}})
    }

    fn download(bytes: u64) -> Download {
        let progress =
            Progress { bytes, total: Some(400 * MIB), bytes_per_second: 112_400_000, waiting: false };
        Download { pod: "p".to_owned(), container: "fetch".to_owned(), progress: Some(progress) }
    }

    #[test]
    fn each_end_has_its_reason() {
        let back_off = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        for (cause, reason, status) in [
            (Cause::Unauthorized, Reason::DownloadUnauthorized, Some(false)),
            (Cause::NotFound, Reason::ModelFileNotFound, Some(false)),
            (Cause::ChecksumMismatch, Reason::ChecksumMismatch, Some(false)),
            (Cause::DiskFull, Reason::DiskFull, Some(false)),
            (Cause::Failed, Reason::DownloadFailed, Some(false)),
            (Cause::Interrupted, Reason::DownloadInterrupted, None),
        ] {
            let end = ended(cause.exit_code().into(), &said(cause, 0));
            for (state, last) in [(end.clone(), json!({})), (back_off.clone(), end)] {
                let verdict = fetching(&state, &last).unwrap().verdict("p", None);
                assert_eq!((verdict.reason, verdict.status), (reason, status));
                assert!(verdict.message.contains("because"), "{}", verdict.message);
            }
        }
    }

    #[test]
    fn a_fetcher_that_left_no_word_is_told_by_its_exit_code() {
        let verdict = |code| fetching(&ended(code, "not JSON"), &json!({})).unwrap().verdict("p", None);
        assert_eq!(verdict(137).reason, Reason::DownloadInterrupted);
        assert_eq!(verdict(101).reason, Reason::DownloadFailed);
        assert!(verdict(101).message.contains("101"));
    }

    #[test]
    fn a_new_run_counts_once_it_came_further_than_the_last() {
        let last = ended(15, &said(Cause::Interrupted, 100 * MIB));
        let again = fetching(&running(), &last).unwrap();
        assert_eq!(again.verdict("p", None).reason, Reason::DownloadInterrupted);
        assert_eq!(again.verdict("p", Some(&download(100 * MIB))).reason, Reason::DownloadInterrupted);
        let verdict = again.verdict("p", Some(&download(200 * MIB)));
        assert_eq!((verdict.reason, verdict.status), (Reason::Downloading, None));
        assert_eq!(verdict.message, "pod p downloads the model: 50 % of 400 MiB, 112 MB/s");
    }

    #[test]
    fn what_keeps_it_from_running_is_told() {
        for (waits, reason, piece) in [
            ("CreateContainerConfigError", Reason::SecretNotFound, "spec.model.credentialsRef: secret"),
            ("ImagePullBackOff", Reason::EngineImagePullFailed, "example/fetch:1"),
        ] {
            let state = json!({"waiting": {"reason": waits, "message": "secret \"hub\" not found"}});
            let verdict = fetching(&state, &json!({})).unwrap().verdict("p", None);
            assert_eq!(verdict.reason, reason);
            assert!(verdict.message.contains(piece), "{}", verdict.message);
        }
    }

    #[test]
    fn each_fetcher_is_told_of_in_its_turn() {
        let status = |name: &str, state: Value| json!({"name": name, "image": "example/fetch:1", "imageID": "", "ready": false, "restartCount": 0, "state": state});
        let waits = json!({"waiting": {"reason": "PodInitializing"}});
        let told = |first: Value, second: Value| {
            let all = [status("proxy", running()), status("fetch", first), status("fetch-legal", second)];
            let pod = json!({"metadata": {"name": "p"}, "status": {"initContainerStatuses": all}});
            let fetching = Fetching::of(&serde_json::from_value(pod).unwrap())?;
            Some(fetching.verdict("p", Some(&download(200 * MIB))).message)
        };
        let of_model = told(running(), waits.clone());
        assert_eq!(of_model.unwrap(), "pod p downloads the model: 50 % of 400 MiB, 112 MB/s");
        // The model's progress is not the adapter's.
        assert_eq!(told(ended(0, ""), running()).unwrap(), "pod p downloads adapter legal");
        let failed = told(ended(0, ""), ended(12, &said(Cause::NotFound, 0)));
        assert_eq!(failed.unwrap(), "pod p, adapter legal: because");
        assert_eq!(told(ended(0, ""), ended(0, "")), None);
    }

    #[test]
    fn a_fetcher_that_is_done_is_none() {
        assert_eq!(fetching(&ended(0, ""), &ended(15, "")), None);
    }

    #[test]
    fn the_status_has_whole_figures() {
        let status = download(199 * MIB + 5).status();
        assert_eq!((status.percent, status.megabytes_per_second), (Some(49), Some(112)));
        assert_eq!(
            (status.downloaded.unwrap().0.as_str(), status.total.unwrap().0.as_str()),
            ("199Mi", "400Mi")
        );
    }
}
