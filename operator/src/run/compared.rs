//! What comparing each model with the inventory said, for as long as it would say the same.

use crate::decide::placement::Inventory;
use crate::kube_ext::version;
use crate::model_deployment::News;
use crate::routing_policy::ObjectKey;
use flotilla_crds::ModelDeployment;
use std::collections::HashMap;
use std::sync::Arc;

/// The last answer for each model. Thousands may be at rest, and most looks find none of them replaced.
#[derive(Default)]
pub(super) struct Compared {
    inventory: Arc<Inventory>,
    /// Of the look before; what is not asked for in this one is dropped with the next.
    before: HashMap<ObjectKey, Answer>,
    now: HashMap<ObjectKey, Answer>,
}

struct Answer {
    /// Of the object. Not the object itself: those that caches have replaced would stay in memory.
    version: u64,
    placed: u32,
    news: News,
}

impl Compared {
    /// Begins a look at all models.
    pub(super) fn begin(&mut self, inventory: &Arc<Inventory>) {
        self.before = std::mem::take(&mut self.now);
        if !Arc::ptr_eq(&self.inventory, inventory) {
            self.before.clear();
            self.inventory = inventory.clone();
        }
    }

    /// What `compare` says of this object with so many pods on nodes. It is asked only where one of the three is
    /// another than before.
    pub(super) fn news(
        &mut self,
        key: &ObjectKey,
        object: &ModelDeployment,
        placed: u32,
        compare: impl FnOnce() -> News,
    ) -> News {
        let Some(version) = version(&object.metadata) else { return compare() };
        let same = |(_, before): &(ObjectKey, Answer)| (before.version, before.placed) == (version, placed);
        let known = self.before.remove_entry(key).filter(same);
        let (key, answer) =
            known.unwrap_or_else(|| (key.clone(), Answer { version, placed, news: compare() }));
        let news = answer.news;
        self.now.insert(key, answer);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(version: &str) -> ModelDeployment {
        let object = json!({
            "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
            "metadata": {"name": "m", "namespace": "apps", "resourceVersion": version}, "spec": {"model": {}},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn it_is_asked_anew_when_the_object_its_pods_or_the_inventory_are_others() {
        let (object, replaced, unknown) = (object("7"), object("8"), object(""));
        let (inventory, other) = (Arc::new(Inventory::default()), Arc::new(Inventory::default()));
        let mut compared = Compared::default();
        for (what, inventory, object, placed, asked) in [
            ("first", &inventory, &object, 1, true),
            ("the same", &inventory, &object, 1, false),
            ("one more pod on a node", &inventory, &object, 2, true),
            ("another version", &inventory, &replaced, 2, true),
            ("the same again", &inventory, &replaced, 2, false),
            ("another inventory, though equal", &other, &replaced, 2, true),
            ("the same with that", &other, &replaced, 2, false),
            ("no version", &other, &unknown, 2, true),
            ("still none", &other, &unknown, 2, true),
        ] {
            compared.begin(inventory);
            let mut was_asked = false;
            let news = compared.news(&ObjectKey::of(object), object, placed, || {
                was_asked = true;
                News::Verdict
            });
            assert_eq!((news, was_asked), (News::Verdict, asked), "{what}");
        }
    }

    #[test]
    fn an_object_that_is_gone_is_let_go() {
        let (object, inventory, mut compared) =
            (object("7"), Arc::new(Inventory::default()), Compared::default());
        compared.begin(&inventory);
        compared.news(&ObjectKey::of(&object), &object, 0, || News::None);
        compared.begin(&inventory);
        compared.begin(&inventory);
        assert!(compared.before.is_empty() && compared.now.is_empty());
    }
}
