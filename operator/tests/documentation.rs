//! What the documentation lists is what the code has.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use flotilla_operator::conditions::documented;
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

#[test]
fn every_preset_is_documented_and_no_other() {
    let page = include_str!("../../docs/presets.md");
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let listed: Vec<_> = cells.map(|(name, _)| name).collect();
    let known: Vec<_> =
        flotilla_operator::decide::sizing::presets().iter().map(|preset| preset.name).collect();
    assert_eq!(listed, known);
}
