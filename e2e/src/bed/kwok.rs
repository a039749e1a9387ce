//! KWOK: nodes that are only objects. Their pods are scheduled and become Ready, and nothing runs.

use std::{fs, process::Command, time::Duration};

use super::{paths::Paths, process::Daemon, tools, wait};
use crate::error::{FileContext, Result};

/// Nodes with this annotation are simulated.
pub const SIMULATED: (&str, &str) = ("kwok.x-k8s.io/node", "fake");
const NAME: &str = "kwok";
/// What becomes of simulated nodes and pods, and when: at once. Four renewals of leases at a time, the default, are too
/// few for a thousand nodes when the API server is busy: nodes would be given up.
const CONFIGURATION: &str = r#"
apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options: {nodeLeaseParallelism: 32, podPlayStageParallelism: 16, nodePlayStageParallelism: 16}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: node-ready}
spec:
  resourceRef: {apiGroup: v1, kind: Node}
  selector:
    matchExpressions:
    - {key: '.status.conditions.[] | select( .type == "Ready" ) | .status', operator: NotIn, values: ["True"]}
  next:
    statusTemplate: |
      conditions:
      - {type: Ready, status: "True", reason: Simulated, message: "", lastHeartbeatTime: {{ Now | Quote }}, lastTransitionTime: {{ Now | Quote }}}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-ready}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
    - {key: .status.phase, operator: In, values: [Pending]}
  next:
    statusTemplate: |
      phase: Running
      startTime: {{ Now | Quote }}
      conditions:
      - {type: Initialized, status: "True", lastTransitionTime: {{ Now | Quote }}}
      - {type: ContainersReady, status: "True", lastTransitionTime: {{ Now | Quote }}}
      - {type: Ready, status: "True", lastTransitionTime: {{ Now | Quote }}}
      containerStatuses:
      {{ range .spec.containers }}
      - {name: {{ .name | Quote }}, image: {{ .image | Quote }}, ready: true, started: true, restartCount: 0, state: {running: {startedAt: {{ Now | Quote }}}}}
      {{ end }}
---
apiVersion: kwok.x-k8s.io/v1alpha1
kind: Stage
metadata: {name: pod-gone}
spec:
  resourceRef: {apiGroup: v1, kind: Pod}
  selector:
    matchExpressions:
    - {key: .metadata.deletionTimestamp, operator: Exists}
  next: {delete: true}
"#;
/// KWOK renews leases after a quarter of this, and nodes are given up after 50 s without.
const LEASE_SECONDS: u32 = 120;

/// Starts KWOK, which keeps simulated nodes and their pods Ready.
///
/// # Errors
/// If it does not start.
pub fn start_kwok(paths: &Paths) -> Result<()> {
    stop_kwok(paths);
    let configuration = paths.state.join("kwok.yaml");
    fs::write(&configuration, CONFIGURATION).context("write", &configuration)?;
    let mut kwok = Command::new(tools::program(paths, "kwok")?);
    let (annotation, value) = SIMULATED;
    kwok.args([
        format!("--kubeconfig={}", paths.admin_kubeconfig().display()),
        format!("--manage-nodes-with-annotation-selector={annotation}={value}"),
        format!("--config={}", configuration.display()),
        format!("--node-lease-duration-seconds={LEASE_SECONDS}"),
        // It would log every pod.
        "--v=WARN".to_owned(),
    ]);
    let daemon = Daemon::start(paths, NAME, &kwok)?;
    // It says nothing when it is ready; what it cannot do with its arguments ends it at once.
    let ended = wait::until(Duration::from_secs(1), || !daemon.is_alive());
    if ended { Err(daemon.ended()) } else { Ok(()) }
}

/// Ends KWOK.
pub fn stop_kwok(paths: &Paths) {
    Daemon::end(paths, Duration::from_secs(3), |name| name == NAME);
}
