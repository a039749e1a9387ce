//! Which events of a watch say something new.
//!
//! Kubelets renew the status of their node every few minutes, and every few seconds while anything in it moves; the
//! operator itself writes figures and costs to the status of thousands of models. What follows from these objects
//! changes seldom, and is dear to make anew.

use crate::scaling::hold;
use flotilla_crds::{ModelDeployment, RoutingPolicy};
use k8s_openapi::api::core::v1::Node;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::io;

/// The part of an object that something else is made of.
pub trait Matters {
    /// A hash of it.
    fn print(&self) -> u64;
}

/// The prints that were last seen of every object of a kind.
#[derive(Debug, Default)]
pub struct Seen(HashMap<(Option<String>, String), u64>);

impl Seen {
    /// Takes in an event, and says whether what matters may be another now.
    pub fn take_in<K: Resource + Matters>(&mut self, event: &Event<K>) -> bool {
        let key = |object: &K| (object.namespace(), object.name_any());
        match event {
            Event::Apply(object) | Event::InitApply(object) => {
                let print = object.print();
                self.0.insert(key(object), print) != Some(print)
            }
            Event::Delete(object) => {
                self.0.remove(&key(object));
                true
            }
            Event::Init => {
                self.0.clear();
                false
            }
            // Objects may be gone without an event of their own.
            Event::InitDone => true,
        }
    }
}

/// The inventory is made of nodes from which all else was taken away by then.
impl Matters for Node {
    fn print(&self) -> u64 {
        print(&(&self.metadata.labels, &self.spec, &self.status))
    }
}

/// Routers are told of the spec, of how long a start takes, and of what goes outside.
impl Matters for DeserializeGuard<ModelDeployment> {
    fn print(&self) -> u64 {
        let object = match &self.0 {
            Ok(object) => object,
            Err(error) => return print(&error.error),
        };
        let scaling = object.status.as_ref().and_then(|status| status.scaling.as_ref());
        let spill = scaling.and_then(|scaling| scaling.spill.as_ref());
        print(&(object.metadata.generation, &object.metadata.deletion_timestamp, hold(object), spill))
    }
}

/// The catalog is made of specs.
impl Matters for DeserializeGuard<RoutingPolicy> {
    fn print(&self) -> u64 {
        match &self.0 {
            Ok(object) => print(&(object.metadata.generation, &object.metadata.deletion_timestamp)),
            Err(error) => print(&error.error),
        }
    }
}

fn print(parts: &impl Serialize) -> u64 {
    let mut hash = Hashed(DefaultHasher::new());
    // A hash takes everything, and these are plain data.
    let _ = serde_json::to_writer(&mut hash, parts);
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
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    fn object<K: Resource<DynamicType = ()> + DeserializeOwned>(version: u32, more: &Value) -> K {
        let mut object = json!({
            "apiVersion": K::api_version(&()), "kind": K::kind(&()),
            "metadata": {"name": "a", "namespace": "apps", "resourceVersion": version.to_string()},
        });
        for part in ["metadata", "spec", "status"] {
            let parts = more[part].as_object().cloned().unwrap_or_default();
            object[part].as_object_mut().map_or_else(|| (), |known| known.extend(parts.clone()));
            if object[part].is_null() {
                object[part] = Value::Object(parts);
            }
        }
        serde_json::from_value(object).unwrap()
    }

    /// Each row is the object from then on, and whether that is news.
    fn follows<K: Resource<DynamicType = ()> + Matters + DeserializeOwned>(rows: &[(Value, bool)]) {
        let mut seen = Seen::default();
        assert!(!seen.take_in(&Event::<K>::Init));
        for (version, (more, expected)) in (1..).zip(rows) {
            assert_eq!(seen.take_in(&Event::Apply(object::<K>(version, more))), *expected, "{more}");
        }
        let (last, _) = rows.last().unwrap();
        assert!(!seen.take_in(&Event::Apply(object::<K>(1000, last))), "another version is nothing new");
        assert!(seen.take_in(&Event::Delete(object::<K>(1001, last))));
        assert!(seen.take_in(&Event::Apply(object::<K>(1002, last))), "another one of the same name");
        assert!(!seen.take_in(&Event::<K>::Init));
        assert!(seen.take_in(&Event::InitApply(object::<K>(1002, last))));
        assert!(seen.take_in(&Event::<K>::InitDone));
    }

    #[test]
    fn of_a_node_what_placement_reads() {
        let node = |labels: Value, spec: Value, gpus: &str| {
            json!({"metadata": {"labels": labels}, "spec": spec,
                "status": {"allocatable": {"nvidia.com/gpu": gpus}}})
        };
        follows::<Node>(&[
            (node(json!({}), json!({}), "1"), true),
            (node(json!({}), json!({}), "1"), false),
            (node(json!({}), json!({}), "2"), true),
            (node(json!({"pool": "y"}), json!({}), "2"), true),
            (node(json!({"pool": "y"}), json!({"unschedulable": true}), "2"), true),
        ]);
    }

    #[test]
    fn of_a_model_what_routers_are_told() {
        let model = |generation: u32, scaling: Value| {
            json!({"metadata": {"generation": generation}, "spec": {"model": {}, "scaling": {"maxReplicas": 2}},
                "status": {"scaling": scaling}})
        };
        let spill =
            json!({"state": "Pending", "percent": 100, "since": "2026-01-05T00:59:00Z", "message": "m"});
        follows::<DeserializeGuard<ModelDeployment>>(&[
            (model(1, json!({"desired": 1})), true),
            (model(1, json!({"desired": 1, "offeredTokensPerSecond": 7})), false),
            (model(1, json!({"desired": 2})), false),
            (model(2, json!({"desired": 2})), true),
            (model(2, json!({"desired": 2, "startSeconds": 95})), true),
            (model(2, json!({"desired": 2, "startSeconds": 96})), false),
            (model(2, json!({"desired": 2, "startSeconds": 96, "spill": spill})), true),
        ]);
    }

    #[test]
    fn of_a_policy_its_spec() {
        let policy = |generation: u32, observed: Value| {
            json!({"metadata": {"generation": generation},
                "spec": {"models": ["m"], "backends": [], "default": {"backends": [{"name": "b"}]}},
                "status": {"observedGeneration": observed}})
        };
        follows::<DeserializeGuard<RoutingPolicy>>(&[
            (policy(1, json!(1)), true),
            (policy(1, json!(2)), false),
            (policy(2, json!(2)), true),
        ]);
        let read: DeserializeGuard<RoutingPolicy> = object(1, &policy(1, json!(1)));
        assert!(read.0.is_ok(), "else the rows say nothing");
        let broken = |spec: Value| json!({"metadata": {"generation": 3}, "spec": spec});
        follows::<DeserializeGuard<RoutingPolicy>>(&[
            (policy(2, json!(2)), true),
            (broken(json!({"backends": "none"})), true),
            (broken(json!({"backends": "none"})), false),
        ]);
    }
}
