//! What would become of a request, for people.

use super::style::{Look, Style};
use super::table::{Column, table};
use flotilla_router::explain::{Explanation, Refused, Way};
use std::fmt::Write as _;

/// The decision, the ways with their shares, and why.
pub fn explanation(told: &Explanation, look: &Look) -> String {
    let rule = told.rule.as_ref().map(|rule| format!(", rule {rule}")).unwrap_or_default();
    let mut text = format!("{}\npolicy {}{rule}\n", look.paint(Style::Bold, &told.model), told.policy);
    let mut facts = vec![format!("about {} tokens", told.prompt_tokens)];
    if !told.data_classes.is_empty() {
        facts.push(format!("data classes {}", told.data_classes.join(", ")));
    }
    facts.extend(told.client.as_ref().map(|client| format!("client {client}")));
    let _ = writeln!(text, "{}\n", facts.join("; "));
    if let Some(Refused { status, code, message }) = &told.refused {
        let refused = look.paint(Style::Bad, format!("Refused with {status} {code}"));
        let _ = writeln!(text, "{refused}\n{}", look.wrapped("  ", message));
    } else {
        text += &ways(told, look);
        text.push('\n');
        text += &targets(told, look);
    }
    if !told.reasons.is_empty() {
        text += "\nBecause\n";
        for reason in &told.reasons {
            let _ = writeln!(text, "{}", look.wrapped("  - ", reason));
        }
    }
    text
}

fn ways(told: &Explanation, look: &Look) -> String {
    let columns = [
        Column { title: "SHARE", right: true, rank: 0 },
        Column { title: "FIRST", right: false, rank: 0 },
        Column { title: "THEN", right: false, rank: 1 },
    ];
    let row = |Way { percent, targets }: &Way| {
        let (first, then) =
            targets.split_first().map_or(("-", &[][..]), |(first, then)| (first.as_str(), then));
        let then = if then.is_empty() { "-".to_owned() } else { then.join(", ") };
        vec![format!("{percent:.1} %"), first.to_owned(), then]
    };
    table(look, 2, &columns, &told.ways.iter().map(row).collect::<Vec<_>>())
}

fn targets(told: &Explanation, look: &Look) -> String {
    let columns = [
        Column { title: "BACKEND", right: false, rank: 0 },
        Column { title: "WHERE", right: false, rank: 1 },
        Column { title: "RESERVES USD", right: true, rank: 2 },
    ];
    let rows: Vec<_> = told
        .targets
        .iter()
        .map(|target| {
            let place = if target.in_cluster { "in the cluster" } else { "outside" };
            vec![target.backend.clone(), place.to_owned(), target.reserves_usd.clone()]
        })
        .collect();
    table(look, 2, &columns, &rows)
}
