//! Holds the files of the engine's program in memory while an engine is measured. On a machine that is short of memory
//! the kernel would drop them again and again, and each time count them for the engine, which would starve within its
//! limit of pages that no GPU has to do with.

use super::rows::NODE;
use flotilla_e2e::harness::{ENGINE_IMAGE, Result, TestNamespace, image, wait_for};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use std::time::Duration;

/// Maps every file of the folders that programs are in, locked, then waits. `mlockall(MCL_FUTURE)` is 2.
const SCRIPT: &str = r#"
import ctypes, mmap, os, time
libc = ctypes.CDLL(None, use_errno=True)
if libc.mlockall(2) != 0:
    raise OSError(ctypes.get_errno(), "mlockall")
held = []
for top in ("/opt/python", "/usr/bin", "/usr/lib", "/lib"):
    for folder, _, names in os.walk(top):
        for path in (os.path.join(folder, name) for name in names):
            if os.path.isfile(path) and os.path.getsize(path) > 0:
                with open(path, "rb") as file:
                    held.append(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
open("/tmp/held", "w").close()
time.sleep(3600)
"#;
const START: Duration = Duration::from_mins(5);

/// Starts it; it goes with the namespace.
pub async fn hold(namespace: &TestNamespace) -> Result<()> {
    let held = ["/usr/bin/python3.11", "-c", "import os; os.stat('/tmp/held')"];
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "holder"},
        "spec": {
            "nodeName": NODE,
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "holder",
                "image": image(ENGINE_IMAGE),
                "command": ["/usr/bin/python3.11", "-c", SCRIPT],
                "securityContext": {"runAsUser": 0, "capabilities": {"add": ["IPC_LOCK"]}},
                "readinessProbe": {"exec": {"command": held}, "periodSeconds": 1, "timeoutSeconds": 10},
            }],
        },
    });
    namespace.apply(&pod.to_string()).await?;
    wait_for(&namespace.api::<Pod>(), "holder", "hold the program's files", START, |pod: &Pod| {
        let status = pod.status.clone().unwrap_or_default();
        let ready = status.conditions.iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True");
        if ready { Ok(()) } else { Err(format!("{:?}", status.container_statuses)) }
    })
    .await
}
