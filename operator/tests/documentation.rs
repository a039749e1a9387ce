//! What the documentation lists is what the code has.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use flotilla_operator::conditions::documented;
use flotilla_operator::decide::scale::Reason as Scaling;
use flotilla_operator::decide::sizing::{Architecture, Attention, Preset};
use std::collections::BTreeSet;

#[test]
fn every_reason_is_documented_and_no_other() {
    let page = include_str!("../../docs/conditions.md");
    let (_, table) = page.split_once("## Reasons").unwrap();
    let cells = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let listed: BTreeSet<_> = cells.map(|(reason, _)| reason).collect();
    let known: BTreeSet<_> = documented().iter().map(|reason| reason.as_str()).collect();
    assert_eq!(listed, known);
}

/// Two are not the decision's: the mode External, and a policy that cannot be carried out.
#[test]
fn every_reason_of_scaling_is_documented_and_no_other() {
    let page = include_str!("../../docs/autoscaling.md");
    let rows = page.split("| reason | means |").nth(1).unwrap().lines();
    let rows = rows.skip(2).take_while(|line| line.starts_with("| `"));
    let documented: BTreeSet<_> = rows.filter_map(|line| line.split('`').nth(1)).collect();
    let known = Scaling::ALL.iter().map(|reason| reason.as_str()).chain(["External", "InvalidSpec"]);
    assert_eq!(documented, known.collect());
}

#[test]
fn every_preset_is_documented_as_it_is_and_no_other() {
    let page = include_str!("../../docs/presets.md");
    let listed: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).map(str::to_owned).collect();
    let known: Vec<_> = flotilla_operator::decide::sizing::presets().iter().map(row).collect();
    assert_eq!(listed, known, "the table should be:\n{}", known.join("\n"));
}

#[test]
fn every_preset_says_once_where_it_comes_from() {
    let page = include_str!("../../docs/presets.md");
    let (_, sources) = page.split_once("## Sources").unwrap();
    let mut listed: Vec<_> = sources.split('`').skip(1).step_by(2).collect();
    let mut known: Vec<_> =
        flotilla_operator::decide::sizing::presets().iter().map(|preset| preset.name).collect();
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known);
}

fn row(preset: &Preset) -> String {
    let Architecture { layers, hidden, vocab, context_window, .. } = &preset.architecture;
    let heads = match preset.architecture.attention {
        Attention::Grouped { heads, kv_heads, .. } => format!("{heads} / {kv_heads}"),
        Attention::Latent { heads, kv_rank, rope_dim, .. } => {
            format!("{heads} / latent {}", kv_rank + rope_dim)
        }
    };
    let experts = preset.architecture.feed_forward.experts;
    let experts = experts.map_or("-".to_owned(), |experts| format!("{} of {}", experts.used, experts.count));
    let window =
        preset.architecture.sliding.as_ref().map_or("-".to_owned(), |sliding| sliding.window.to_string());
    format!(
        "| `{}` | {layers} | {hidden} | {heads} | {experts} | {window} | {vocab} | {context_window} |",
        preset.name
    )
}
