//! Costs, for people and for programs.

use super::style::{Look, Style};
use super::table::{Column, table};
use crate::report::cost::{Cost, Unknown, cents, dollars, price, total};
use crate::report::grouped;
use serde_json::{Value, json};

/// A line for each model, and the sum.
pub fn costs_table(costs: &[Cost], look: &Look) -> String {
    let columns = [
        Column { title: "NAMESPACE", right: false, rank: 2 },
        Column { title: "NAME", right: false, rank: 0 },
        Column { title: "READY", right: true, rank: 5 },
        Column { title: "$/HOUR", right: true, rank: 1 },
        Column { title: "$/1M TOKENS", right: true, rank: 1 },
        Column { title: "OUTSIDE", right: true, rank: 1 },
        Column { title: "TOKENS/DAY", right: true, rank: 3 },
        Column { title: "BREAK-EVEN", right: true, rank: 3 },
        Column { title: "$ SAVED", right: true, rank: 2 },
        Column { title: "SINCE", right: false, rank: 6 },
        Column { title: "COMPARED WITH", right: false, rank: 7 },
        Column { title: "PRICE FROM", right: false, rank: 8 },
    ];
    let none = || "-".to_owned();
    let tokens = |count: i64| grouped(u64::try_from(count).unwrap_or(0));
    let row = |cost: &Cost| {
        let mut row = vec![cost.namespace.clone(), cost.name.clone(), cost.ready_replicas.to_string()];
        let Ok(of) = &cost.economics else {
            row.extend((row.len()..columns.len()).map(|_| none()));
            return row;
        };
        let shown = |usd: &Option<String>, how: fn(&str) -> String| usd.as_deref().map_or_else(none, how);
        row.extend([
            cents(&of.hourly_cost),
            shown(&of.cost_per_million_tokens, price),
            shown(&of.external_cost_per_million_tokens, price),
            tokens(of.tokens_per_day),
            of.break_even_tokens_per_day.map_or_else(none, tokens),
            shown(&of.saved, cents),
            of.saved_since.as_ref().map_or_else(none, |since| since.0.strftime("%F").to_string()),
            of.compared_with.clone().unwrap_or_else(none),
            of.price_source.clone(),
        ]);
        row
    };
    let (hourly, saved) = total(costs);
    let text = table(look, 0, &columns, &costs.iter().map(row).collect::<Vec<_>>());
    let mut notes = vec![
        format!("All together: {} $ an hour, {} $ saved.", dollars(hourly), dollars(saved)),
        "At the use of the last hour. OUTSIDE: a million tokens of the same mix at the backend that it is compared \
         with. BREAK-EVEN: tokens a day from which on the replicas cost less than that. SAVED: what the tokens would \
         have cost there, less what the replicas cost."
            .to_owned(),
    ];
    for unknown in [Unknown::NotScaled, Unknown::NoPrice] {
        let names = costs.iter().filter(|cost| cost.economics == Err(unknown)).map(|cost| cost.name.as_str());
        let names: Vec<_> = names.collect();
        if !names.is_empty() {
            notes.push(format!("{}: {}.", names.join(", "), unknown.remedy()));
        }
    }
    let notes: String = notes.iter().map(|note| look.wrapped("", note)).collect();
    text + "\n" + &look.paint(Style::Dim, notes)
}

/// A list with an object for each model: the status, with its names.
pub fn costs_json(costs: &[Cost]) -> Value {
    let object = |cost: &Cost| {
        let mut value = json!({
            "namespace": cost.namespace,
            "name": cost.name,
            "readyReplicas": cost.ready_replicas,
        });
        let (field, what) = match &cost.economics {
            Ok(economics) => ("economics", json!(economics)),
            Err(unknown) => ("unknown", json!(unknown.remedy())),
        };
        if let Value::Object(fields) = &mut value {
            fields.insert(field.to_owned(), what);
        }
        value
    };
    costs.iter().map(object).collect()
}
