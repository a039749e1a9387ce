//! Which events of the nodes say something new.

use k8s_openapi::api::core::v1::Node;
use kube::runtime::watcher::Event;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::io;

/// What was last seen of every node. Kubelets renew the status every few minutes, and every few seconds while anything
/// in it moves, so that a thousand nodes never rest; what the inventory is made of changes seldom.
#[derive(Debug, Default)]
pub struct NodeNews(HashMap<String, u64>);

impl NodeNews {
    /// Takes in an event of nodes from which everything else was taken away, and says whether the inventory may differ.
    pub fn take_in(&mut self, event: &Event<Node>) -> bool {
        match event {
            Event::Apply(node) | Event::InitApply(node) => {
                let name = node.metadata.name.clone().unwrap_or_default();
                let print = print(node);
                self.0.insert(name, print) != Some(print)
            }
            Event::Delete(node) => {
                self.0.remove(node.metadata.name.as_deref().unwrap_or_default());
                true
            }
            Event::Init => {
                self.0.clear();
                false
            }
            // Nodes may be gone without an event of their own.
            Event::InitDone => true,
        }
    }
}

/// Of labels, spec and status; not of the version, which every event raises.
fn print(node: &Node) -> u64 {
    let mut hash = Hashed(DefaultHasher::new());
    // A hash takes everything, and these are plain data.
    let _ = serde_json::to_writer(&mut hash, &(&node.metadata.labels, &node.spec, &node.status));
    hash.0.finish()
}

struct Hashed(DefaultHasher);

impl io::Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[allow(clippy::needless_pass_by_value, reason = "rows are built in place")]
    fn node(version: u32, labels: Value, spec: Value, gpus: &str) -> Node {
        serde_json::from_value(json!({
            "metadata": {"name": "a", "resourceVersion": version.to_string(), "labels": labels},
            "spec": spec, "status": {"allocatable": {"nvidia.com/gpu": gpus}},
        }))
        .unwrap()
    }

    #[test]
    fn a_renewed_status_is_no_news_and_what_placement_reads_is() {
        let (mut news, plain) = (NodeNews::default(), || json!({"pool": "x"}));
        for (event, expected) in [
            (Event::Init, false),
            (Event::InitApply(node(1, plain(), json!({}), "1")), true),
            (Event::InitDone, true),
            (Event::Apply(node(2, plain(), json!({}), "1")), false),
            (Event::Apply(node(3, plain(), json!({}), "2")), true),
            (Event::Apply(node(4, json!({"pool": "y"}), json!({}), "2")), true),
            (Event::Apply(node(5, json!({"pool": "y"}), json!({"unschedulable": true}), "2")), true),
            (Event::Apply(node(6, json!({"pool": "y"}), json!({"unschedulable": true}), "2")), false),
            (Event::Delete(node(7, json!({}), json!({}), "2")), true),
            (Event::Apply(node(8, json!({"pool": "y"}), json!({"unschedulable": true}), "2")), true),
        ] {
            assert_eq!(news.take_in(&event), expected, "{event:?}");
        }
    }
}
