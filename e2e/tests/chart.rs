//! What the chart renders, checked by Helm itself. `FLOTILLA_UPDATE=1` writes the golden file anew.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use flotilla_e2e::bed::{self, Paths, repository};
use flotilla_e2e::command::{command, output};

fn helm(args: &[&str]) -> flotilla_e2e::error::Result<String> {
    let program = bed::tool(&Paths::from_env().unwrap(), "helm").unwrap();
    output(command(program, args).current_dir(repository()))
}

#[test]
fn the_rendered_chart_is_fresh() {
    let set = "registry=registry.example/team,rbac.secretNamespaces={chat}";
    let rendered =
        helm(&["template", "flotilla", "charts/flotilla", "--namespace", "flotilla", "--set", set]).unwrap();
    let golden = repository().join("charts/rendered.yaml");
    if std::env::var_os("FLOTILLA_UPDATE").is_some() {
        std::fs::write(&golden, &rendered).unwrap();
    }
    let committed = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        committed == rendered,
        "charts/rendered.yaml is stale: run FLOTILLA_UPDATE=1 cargo test -p flotilla-e2e --test chart"
    );
}

#[test]
fn the_chart_passes_lint_and_says_that_it_needs_a_registry() {
    helm(&["lint", "charts/flotilla", "--strict", "--set", "registry=registry.example/team"]).unwrap();
    let error = helm(&["template", "flotilla", "charts/flotilla"]).unwrap_err().to_string();
    assert!(error.contains("make images REGISTRY="), "{error}");
}
