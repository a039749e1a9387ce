use super::*;
use crate::model_deployment::file::FileState;
use crate::model_deployment::validate::validate;
use crate::options::Defaults;
use flotilla_crds::ModelDeployment;

fn object(yaml: &str) -> ModelDeployment {
    let mut object: ModelDeployment = serde_saphyr::from_str(yaml).unwrap();
    object.metadata.namespace = Some("apps".to_owned());
    object.metadata.uid = Some("11111111-2222-3333-4444-555555555555".to_owned());
    object
}

fn children(yaml: &str) -> Children<Prepared> {
    children_in(yaml, &Mode::NodeLabels, false)
}

fn children_in(yaml: &str, mode: &Mode, shared_devices: bool) -> Children<Prepared> {
    build(&validate(&object(yaml), &defaults(), &FileState::NotRead).unwrap(), mode, shared_devices)
}

const LLAMA: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: ModelDeployment
metadata: {name: llama-3b}
spec:
  model: {source: 'oci://reg.example/models/llama-3.2-3b:q4#llama.gguf', preset: llama-3.2-3b, quantization: Q4_K_M}
  context: {maxTokens: 8192, parallelSequences: 2, kvCacheType: Q8_0}
  replicas: 2
  rollout: {drainTimeout: 30s}
";

const CUSTOM: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: ModelDeployment
metadata: {name: custom}
spec:
  model: {servedName: mine}
  engine: {type: Custom, image: 'example/engine:1', command: [serve], args: [--x], port: 9000, healthPath: /ok, env: [{name: A, value: b}]}
  placement: {gpuMemory: 14Gi, nodeSelector: {zone: a}, tolerations: [{key: k, operator: Exists}]}
";

#[test]
fn a_llama_cpp_deployment_is_rendered() {
    let Children { service, claim_template, deployment, state: Prepared } = children(LLAMA);
    assert_eq!(claim_template, None);
    insta::assert_yaml_snapshot!("llama-deployment", deployment);
    insta::assert_yaml_snapshot!("llama-service", service);
}

#[test]
fn a_custom_engine_is_rendered() {
    insta::assert_yaml_snapshot!("custom-deployment", children(CUSTOM).deployment);
}

const ADAPTED: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: ModelDeployment
metadata: {name: adapted}
spec:
  model:
    source: 'oci://reg.example/models/llama-3.2-3b:q4#llama.gguf'
    preset: llama-3.2-3b
    quantization: Q4_K_M
    adapters:
    - {name: legal, source: 'hf://acme/legal-lora/legal.gguf', rank: 16, credentialsRef: {name: hub}}
    - {name: poet, source: 'oci://reg.example/adapters/poet:1', rank: 8}
";

#[test]
fn adapters_come_beside_the_model_and_are_off_until_asked_for() {
    let pod = children(ADAPTED).deployment.spec.unwrap().template.spec.unwrap();
    insta::assert_yaml_snapshot!("adapted-pod", pod);
}

fn hostname(deployment: &mut Deployment) -> &mut Option<String> {
    &mut deployment.spec.as_mut().unwrap().template.spec.as_mut().unwrap().hostname
}

#[test]
fn an_upgrade_keeps_the_applied_template_and_a_new_spec_replaces_it() {
    let mut live = children(LLAMA).deployment;
    *hostname(&mut live) = Some("rendered-by-an-older-version".to_owned());
    settle_template(&mut live, None);
    let applied = live.clone();
    *hostname(&mut live) = Some("edited-by-somebody".to_owned());

    let mut same = children(LLAMA).deployment;
    settle_template(&mut same, Some(&live));
    assert_eq!(same, applied, "neither this version's rendering nor the edit");

    let mut changed = children(&LLAMA.replace("8192", "4096")).deployment;
    settle_template(&mut changed, Some(&live));
    assert_eq!(changed.spec, children(&LLAMA.replace("8192", "4096")).deployment.spec);
}

#[test]
fn a_template_too_large_to_be_written_down_is_taken_from_the_live_object() {
    let large = LLAMA.replace("replicas: 2", &format!("engine: {{args: ['{}']}}", "x".repeat(70_000)));
    let mut live = children(&large).deployment;
    *hostname(&mut live) = Some("rendered-by-an-older-version".to_owned());
    settle_template(&mut live, None);
    let mut same = children(&large).deployment;
    settle_template(&mut same, Some(&live));
    assert_eq!(same.spec, live.spec);
}

#[test]
fn scaling_does_not_change_the_template() {
    let template = |yaml: &str| children(yaml).deployment.spec.unwrap().template;
    assert_eq!(template(LLAMA), template(&LLAMA.replace("replicas: 2", "replicas: 7")));
}

#[test]
fn each_mode_has_its_own_template_and_the_oldest_keeps_its_hash() {
    let hash = |mode: &Mode| {
        let annotations = children_in(LLAMA, mode, false).deployment.metadata.annotations.unwrap();
        annotations[flotilla_crds::labels::TEMPLATE_HASH].clone()
    };
    let profile = |profile: &str| Mode::Mig { profile: Some(profile.to_owned()) };
    let modes =
        [Mode::NodeLabels, Mode::Dra, Mode::Mig { profile: None }, profile("1g.10gb"), profile("2g.20gb")];
    let hashes: std::collections::BTreeSet<_> = modes.iter().map(hash).collect();
    assert_eq!(hashes.len(), modes.len());
    // As versions without modes computed it: an upgrade restarts nothing.
    assert_eq!(hash(&Mode::NodeLabels), "v1-9b0bc5d6ac145204");
}

#[test]
fn claims_ask_for_the_smallest_class_first() {
    let Children { claim_template, deployment, .. } = children_in(LLAMA, &Mode::Dra, false);
    insta::assert_yaml_snapshot!("dra-claim-template", claim_template);
    let pod = deployment.spec.unwrap().template.spec.unwrap();
    let container = pod.containers[0].resources.clone().unwrap();
    assert_eq!(container.limits, None, "the device plugin's GPUs are not taken, too");
    assert_eq!(container.claims.unwrap()[0].name, pod.resource_claims.as_ref().unwrap()[0].name);
    assert_eq!(
        pod.resource_claims.unwrap()[0].resource_claim_template_name,
        claim_template.unwrap().metadata.name
    );
    let required =
        pod.affinity.unwrap().node_affinity.unwrap().required_during_scheduling_ignored_during_execution;
    assert_eq!(required, None, "the claim decides where it fits");
}

#[test]
fn shares_and_products_are_part_of_the_claim() {
    let shared =
        CUSTOM.replace("gpuMemory: 14Gi", "gpuMemory: 7600Mi, sharing: Shared, gpuProducts: [NVIDIA-A10]");
    insta::assert_yaml_snapshot!(
        "dra-shared-claim-template",
        children_in(&shared, &Mode::Dra, true).claim_template
    );
}

#[test]
fn partitions_are_asked_for_by_profile_or_by_label() {
    let small = CUSTOM.replace("14Gi", "9Gi");
    for (name, mode) in [
        ("mig-mixed", Mode::Mig { profile: Some("1g.10gb".to_owned()) }),
        ("mig-single", Mode::Mig { profile: None }),
    ] {
        let pod = children_in(&small, &mode, false).deployment.spec.unwrap().template.spec.unwrap();
        insta::assert_yaml_snapshot!(name, (&pod.containers[0].resources, &pod.affinity));
    }
}

#[test]
fn several_gpus_are_asked_for_and_share_the_layers() {
    let two = LLAMA.replace("rollout:", "placement: {gpusPerReplica: 2}\n  rollout:");
    let pod = children(&two).deployment.spec.unwrap().template.spec.unwrap();
    let container = &pod.containers[0];
    let limits = container.resources.as_ref().unwrap().limits.as_ref().unwrap();
    assert_eq!(limits[flotilla_crds::labels::GPU_RESOURCE].0, "2");
    let args = container.args.as_ref().unwrap().join(" ");
    assert!(args.contains("--split-mode layer --tensor-split 1,1"), "{args}");
}

fn defaults() -> Defaults {
    Defaults {
        llama_cpp_image: "example/llama-server:1".to_owned(),
        fetcher_image: Some("example/fetch:1".to_owned()),
        cache_folder: Some("/var/lib/flotilla/models".to_owned()),
        node_folders: vec!["/srv/models".to_owned()],
        ca_pem: None,
    }
}

fn pod_with_source(model: &str) -> k8s_openapi::api::core::v1::PodSpec {
    let yaml = LLAMA.replace("source: 'oci://reg.example/models/llama-3.2-3b:q4#llama.gguf'", model);
    assert_ne!(yaml, LLAMA);
    children(&yaml).deployment.spec.unwrap().template.spec.unwrap()
}

#[test]
fn a_model_of_a_hub_is_fetched_into_the_nodes_cache() {
    let pod = pod_with_source("source: 'hf://owner/llama-gguf/q4/llama.gguf', credentialsRef: {name: hub}");
    let args = pod.containers[0].args.as_ref().unwrap();
    assert_eq!(args[..2], ["--model", "/models/q4/llama.gguf"]);
    insta::assert_yaml_snapshot!(
        "hub-fetcher",
        (&pod.init_containers, &pod.volumes, &pod.containers[0].volume_mounts)
    );
}

#[test]
fn a_bucket_is_fetched_into_a_claim() {
    let sha256 = "0".repeat(64);
    let pod = pod_with_source(&format!(
        "source: 's3://bucket/a/llama.gguf', endpoint: 'http://minio.example:9000', region: eu-west-1, sha256: '{sha256}', \
         credentialsRef: {{name: keys}}, cache: {{persistentVolumeClaim: {{claimName: weights}}}}"
    ));
    insta::assert_yaml_snapshot!(
        "bucket-fetcher",
        (&pod.init_containers, &pod.volumes, &pod.containers[0].volume_mounts)
    );
}

#[test]
fn what_lies_in_the_cluster_is_mounted_and_nothing_is_fetched() {
    for (source, volume) in [
        (
            "pvc://weights/a/llama.gguf",
            r#"{"name":"model","persistentVolumeClaim":{"claimName":"weights","readOnly":true}}"#,
        ),
        (
            "file:///srv/models/a/llama.gguf",
            r#"{"hostPath":{"path":"/srv/models/a","type":"Directory"},"name":"model"}"#,
        ),
    ] {
        let pod = pod_with_source(&format!("source: '{source}'"));
        assert_eq!(pod.init_containers, None, "{source}");
        let volume: serde_json::Value = serde_json::from_str(volume).unwrap();
        assert_eq!(serde_json::to_value(&pod.volumes.unwrap()[0]).unwrap(), volume);
        let mount = &pod.containers[0].volume_mounts.as_ref().unwrap()[0];
        assert_eq!((mount.read_only, &mount.sub_path), (Some(true), &None));
    }
}

#[test]
fn files_of_nodes_are_mounted_only_from_folders_that_were_allowed() {
    let object = |path: &str| {
        object(
            &LLAMA.replace("oci://reg.example/models/llama-3.2-3b:q4#llama.gguf", &format!("file://{path}")),
        )
    };
    let validated = |path: &str| validate(&object(path), &defaults(), &FileState::NotRead).map(drop);
    validated("/srv/models/llama.gguf").unwrap();
    let error = validated("/etc/flotilla/llama.gguf").unwrap_err().to_string();
    assert!(error.contains("/srv/models") && error.contains("modelFiles.nodeFolders"), "{error}");
}

#[test]
fn without_a_folder_on_the_node_a_download_goes_with_its_pod() {
    let defaults = Defaults { cache_folder: None, ..defaults() };
    let object =
        object(&LLAMA.replace("oci://reg.example/models/llama-3.2-3b:q4#llama.gguf", "hf://o/n/m.gguf"));
    let valid = validate(&object, &defaults, &FileState::NotRead).unwrap();
    let pod = build(&valid, &Mode::NodeLabels, false).deployment.spec.unwrap().template.spec.unwrap();
    assert!(pod.volumes.unwrap()[0].empty_dir.is_some());
    let rights = pod.init_containers.unwrap()[0].security_context.clone().unwrap();
    assert_eq!((rights.run_as_user, rights.run_as_non_root), (None, None), "no root where none is needed");
}
