use super::*;
use crate::model_deployment::file::FileState;
use crate::model_deployment::validate::validate;
use crate::options::EngineImages;
use flotilla_crds::ModelDeployment;

fn object(yaml: &str) -> ModelDeployment {
    let mut object: ModelDeployment = serde_saphyr::from_str(yaml).unwrap();
    object.metadata.namespace = Some("apps".to_owned());
    object.metadata.uid = Some("11111111-2222-3333-4444-555555555555".to_owned());
    object
}

fn children(yaml: &str) -> Children<Prepared> {
    let images = EngineImages { llama_cpp: "example/llama-server:1".to_owned() };
    build(&validate(&object(yaml), &images, &FileState::NotRead).unwrap())
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
    let Children { service, deployment, state: Prepared } = children(LLAMA);
    insta::assert_yaml_snapshot!("llama-deployment", deployment);
    insta::assert_yaml_snapshot!("llama-service", service);
}

#[test]
fn a_custom_engine_is_rendered() {
    insta::assert_yaml_snapshot!("custom-deployment", children(CUSTOM).deployment);
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
