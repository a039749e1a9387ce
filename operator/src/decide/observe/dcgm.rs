//! How much memory of its GPUs a pod holds, as NVIDIA's dcgm-exporter reports it.
//!
//! `DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-…",modelName="Tesla T4",container="engine",namespace="n",pod="p"} 4210`, in
//! MiB. The labels of the pod are there where the exporter maps GPUs to pods, which NVIDIA's GPU operator has it do.
//! The figure is that of the whole GPU, or of a MIG instance, so that it is a pod's only where nobody shares it.

use super::exposition::{Sample, samples};
use super::metrics::whole;
use std::collections::BTreeMap;

const FB_USED: &str = "DCGM_FI_DEV_FB_USED";
const MIB: u64 = 1 << 20;

/// Bytes that the GPUs of a pod's container hold; none where the exporter knows of none, or of one that is shared.
pub fn read(text: &str, namespace: &str, pod: &str, container: &str) -> Option<u64> {
    let all: Vec<_> = samples(text, FB_USED).collect();
    let holds = |sample: &Sample<'_>| {
        sample.label("namespace") == Some(namespace)
            && sample.label("pod") == Some(pod)
            && sample.label("container").is_none_or(|named| named == container)
    };
    let mut used = BTreeMap::new();
    for sample in all.iter().filter(|sample| holds(sample)) {
        used.insert(device(sample), whole(sample)?);
    }
    let of_others = |sample: &Sample<'_>| sample.label("pod").is_some() && !holds(sample);
    if all.iter().any(|sample| of_others(sample) && used.contains_key(&device(sample))) {
        return None;
    }
    used.into_values().reduce(u64::saturating_add)?.checked_mul(MIB)
}

/// One GPU, or one MIG instance of it.
fn device<'a>(sample: &'a Sample<'_>) -> (Option<&'a str>, Option<&'a str>) {
    (sample.label("UUID"), sample.label("GPU_I_ID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the form of dcgm-exporter 3.3 and 4 (its README and the GPU operator's documentation).
    const TWO_PODS: &str = "\
# HELP DCGM_FI_DEV_FB_USED Framebuffer memory used (in MiB).
# TYPE DCGM_FI_DEV_FB_USED gauge
DCGM_FI_DEV_FB_USED{gpu=\"0\",UUID=\"GPU-a\",pci_bus_id=\"00000000:03:00.0\",device=\"nvidia0\",modelName=\"NVIDIA L4\",Hostname=\"n1\",container=\"engine\",namespace=\"apps\",pod=\"llama-1\"} 4210
DCGM_FI_DEV_FB_USED{gpu=\"1\",UUID=\"GPU-b\",pci_bus_id=\"00000000:04:00.0\",device=\"nvidia1\",modelName=\"NVIDIA L4\",Hostname=\"n1\",container=\"engine\",namespace=\"apps\",pod=\"llama-2\"} 900
DCGM_FI_DEV_FB_USED{gpu=\"2\",UUID=\"GPU-c\",device=\"nvidia2\",modelName=\"NVIDIA L4\",Hostname=\"n1\"} 1
";

    fn of(text: &str) -> Option<u64> {
        read(text, "apps", "llama-1", "engine")
    }

    #[test]
    fn the_gpu_of_a_pod_is_found_by_its_labels() {
        assert_eq!(of(TWO_PODS), Some(4210 * MIB));
        assert_eq!(read(TWO_PODS, "other", "llama-1", "engine"), None);
        assert_eq!(read(TWO_PODS, "apps", "llama-1", "sidecar"), None);
    }

    #[test]
    fn an_exporter_that_maps_no_pods_says_nothing_of_one() {
        let text = TWO_PODS.replace("namespace=", "x=").replace("pod=", "y=").replace("container=", "z=");
        assert_eq!(of(&text), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn instances_of_one_gpu_are_told_apart_and_shared_ones_left_out() {
        let line = |instance: &str, pod: &str| {
            format!(
                "DCGM_FI_DEV_FB_USED{{UUID=\"GPU-a\",GPU_I_ID=\"{instance}\",namespace=\"apps\",pod=\"{pod}\"}} 100\n"
            )
        };
        let own = line("1", "llama-1") + &line("2", "llama-1") + &line("3", "llama-2");
        assert_eq!(of(&own), Some(200 * MIB));
        assert_eq!(of(&(own.clone() + &line("1", "llama-1"))), Some(200 * MIB), "one line twice");
        assert_eq!(of(&(own + &line("1", "llama-2"))), None, "somebody else is on it");
    }

    #[test]
    fn what_is_no_figure_is_left_out() {
        for value in ["0", "-1", "NaN", "9223372036854775794", "1e300"] {
            assert_eq!(of(&TWO_PODS.replace("4210", value)), None, "{value}");
        }
    }
}
