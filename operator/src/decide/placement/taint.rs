//! Taints of nodes against tolerations of pods, as the scheduler compares them.

use flotilla_crds::labels;
use flotilla_crds::model_deployment::Toleration;
use k8s_openapi::api::core::v1::Taint;

/// Taints of this prefix come and go with the node's health: not ready, unreachable, cordoned, under pressure.
const OF_HEALTH: &str = "node.kubernetes.io/";

/// What a node's taints mean for a pod.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Door<'a> {
    /// It may come.
    Open,
    /// Not at present: the node is cordoned, gone or under pressure.
    Closed,
    /// Not without a toleration of this taint.
    Barred(&'a Taint),
}

/// Whether a pod with these tolerations, beside that of `nvidia.com/gpu`, may come to a node with these taints.
pub(super) fn door<'a>(taints: &'a [Taint], tolerations: &[Toleration]) -> Door<'a> {
    let keeps_out = |taint: &&Taint| {
        taint.effect != "PreferNoSchedule"
            && taint.key != labels::GPU_RESOURCE
            && !tolerations.iter().any(|toleration| tolerates(toleration, taint))
    };
    let of_health = |taint: &Taint| taint.key.starts_with(OF_HEALTH);
    let mut against = taints.iter().filter(keeps_out);
    // A taint that somebody set says more than one that passes.
    match against.clone().find(|taint| !of_health(taint)) {
        Some(taint) => Door::Barred(taint),
        None if against.next().is_some() => Door::Closed,
        None => Door::Open,
    }
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let exists = toleration.operator.as_deref() == Some("Exists");
    let effect = toleration.effect.as_ref().is_none_or(|effect| *effect == taint.effect);
    let key = toleration.key.as_deref().filter(|key| !key.is_empty());
    let key = key.map_or(exists, |key| key == taint.key);
    let value =
        || toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default();
    effect && key && (exists || value())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taint(key: &str, value: &str, effect: &str) -> Taint {
        Taint {
            key: key.to_owned(),
            value: Some(value.to_owned()),
            effect: effect.to_owned(),
            ..Taint::default()
        }
    }

    fn toleration(
        key: Option<&str>,
        operator: Option<&str>,
        value: Option<&str>,
        effect: Option<&str>,
    ) -> Toleration {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Toleration { key: owned(key), operator: owned(operator), value: owned(value), effect: owned(effect) }
    }

    #[test]
    fn tolerations_are_compared_as_the_scheduler_does() {
        let (gpu, ml) = (taint("nvidia.com/gpu", "present", "NoSchedule"), taint("team", "ml", "NoExecute"));
        let soft = taint("team", "ml", "PreferNoSchedule");
        for (taints, toleration, open) in [
            (vec![gpu, soft], None, true),
            (vec![ml.clone()], None, false),
            (vec![ml.clone()], Some(toleration(Some("team"), None, Some("ml"), None)), true),
            (vec![ml.clone()], Some(toleration(Some("team"), Some("Equal"), Some("web"), None)), false),
            (vec![ml.clone()], Some(toleration(Some("team"), Some("Exists"), None, None)), true),
            (
                vec![ml.clone()],
                Some(toleration(Some("team"), Some("Exists"), None, Some("NoSchedule"))),
                false,
            ),
            (vec![ml.clone()], Some(toleration(None, Some("Exists"), None, None)), true),
            (vec![ml], Some(toleration(None, None, None, None)), false),
        ] {
            let tolerations: Vec<_> = toleration.into_iter().collect();
            assert_eq!(door(&taints, &tolerations) == Door::Open, open, "{taints:?} {tolerations:?}");
        }
    }

    #[test]
    fn a_node_that_is_away_is_closed_and_one_that_is_set_apart_is_barred() {
        let away = taint("node.kubernetes.io/unreachable", "", "NoExecute");
        let apart = taint("dedicated", "web", "NoSchedule");
        assert_eq!(door(std::slice::from_ref(&away), &[]), Door::Closed);
        assert_eq!(door(&[away, apart.clone()], &[]), Door::Barred(&apart));
    }
}
