//! A report for people.

use super::style::{Look, Style};
use super::table::{Column, table};
use crate::report::{Fit, Report, Verdict, grouped};
use flotilla_operator::decide::placement::Hourly;
use flotilla_operator::decide::sizing::{Bytes, Estimate};
use std::fmt::Write as _;

/// Cards that are listed unless all are asked for.
const LISTED: usize = 6;
/// The widest bar.
const LONGEST_BAR: usize = 30;
/// Columns before the bar.
const BEFORE_BAR: usize = 38;

/// The report as lines of text.
pub fn human(report: &Report, look: &Look) -> String {
    let mut text = look.paint(Style::Bold, &report.name) + "\n";
    text += &look.wrapped("", &report.facts.join(", "));
    for warning in &report.warnings {
        let lines = look.wrapped("Warning: ", warning);
        text += &lines.lines().map(|line| look.paint(Style::Bad, line) + "\n").collect::<String>();
    }
    text.push('\n');
    text += &terms(report, look);
    text.push('\n');
    if let Some(verdict) = report.asked {
        text += &answer(report, verdict, look);
    }
    text += &fits(report, look);
    let card = report.flags_for.map_or_else(String::new, |gpu| format!(", on {}", gpu.name));
    let flags: &[String] = if report.flags.is_empty() { &[] } else { &[report.flags.join("  ")] };
    text += &section(look, &format!("The engine's flags that keep it within{card}"), "  ", flags);
    text += &section(look, "Alternatives", "  - ", &report.alternatives);
    text += &section(look, "Assumptions", "  - ", &report.assumptions);
    text
}

/// Paragraphs under a title; nothing without paragraphs.
fn section(look: &Look, title: &str, bullet: &str, paragraphs: &[String]) -> String {
    if paragraphs.is_empty() {
        return String::new();
    }
    let lines = paragraphs.iter().map(|paragraph| look.wrapped(bullet, paragraph));
    format!("\n{}\n{}", look.paint(Style::Bold, title), lines.collect::<String>())
}

fn terms(report: &Report, look: &Look) -> String {
    let mut text = String::new();
    let total = report.estimate.as_ref().map_or(report.per_gpu, Estimate::total);
    for (term, bytes) in report.estimate.iter().flat_map(Estimate::terms) {
        if bytes != Bytes::default() {
            let share = (bytes.get() as f64 / total.get().max(1) as f64 * 100.0).round();
            let bar = look.paint(Style::Good, bar(bytes, total, look));
            let line = format!("  {:<16} {:>12}  {share:>3} %  {bar}", label(term), mib(bytes));
            let _ = writeln!(text, "{}", line.trim_end());
        }
    }
    let whole = if report.gpus > 1 { "one replica" } else { "need" };
    if report.estimate.is_some() {
        let _ = writeln!(text, "  {whole:<16} {:>12}  ({total})", mib(total));
    }
    if report.gpus > 1 {
        let _ = writeln!(
            text,
            "  {:<16} {:>12}  the fullest of {}",
            "each GPU",
            mib(report.per_gpu),
            report.gpus
        );
    }
    if report.declared {
        let _ = writeln!(text, "  {:<16} {:>12}", "declared", mib(report.per_gpu));
    }
    let required = format!("{:<16} {:>12}", "a GPU must have", mib(report.required));
    let _ = writeln!(
        text,
        "  {}  with {} % headroom",
        look.paint(Style::Bold, required),
        report.headroom_percent
    );
    text
}

fn answer(report: &Report, verdict: Verdict, look: &Look) -> String {
    let usable = grouped(verdict.gpu.usable_mib());
    let (style, answer) = if verdict.fits {
        (Style::Good, format!("It fits {}: {usable} MiB usable.", verdict.gpu.name))
    } else {
        let text = format!(
            "It does not fit {}: {} MiB are needed, {usable} are usable, {} are missing.",
            verdict.gpu.name,
            grouped(report.required.mib()),
            grouped(verdict.missing.mib())
        );
        (Style::Bad, text)
    };
    look.wrapped("", &answer).lines().map(|line| look.paint(style, line) + "\n").collect::<String>() + "\n"
}

fn fits(report: &Report, look: &Look) -> String {
    let count = report.fits.len();
    if count == 0 {
        return look
            .wrapped("", "It fits no GPU of the catalogue. Spread it over more GPUs, or make it smaller.");
    }
    let listed = if look.all { count } else { count.min(LISTED) };
    let (shown, more) = report.fits.split_at(listed);
    let mut rows: Vec<_> = shown.iter().map(row).collect();
    let cents = |fit: &Fit| fit.gpu.hourly().map(|price| price.cents);
    let cheapest = more.iter().filter(|fit| cents(fit).is_some()).min_by_key(|fit| cents(fit));
    let cheaper_is_shown =
        |cheapest: &&Fit| shown.iter().any(|fit| cents(fit).is_some_and(|c| Some(c) <= cents(cheapest)));
    if let Some(cheapest) = cheapest.filter(|cheapest| !cheaper_is_shown(cheapest)) {
        rows.push(row(cheapest));
    }
    let many =
        if report.gpus > 1 { format!("{} of each", report.gpus) } else { "the smallest first".to_owned() };
    let mut text = look.paint(Style::Bold, format!("Fits {count} GPUs, {many}")) + "\n";
    text += &table(look, 2, &COLUMNS, &rows);
    if rows.len() < count {
        let rest = format!(
            "and {} more: --all lists them. kubectl flotilla gpus says where prices are from.",
            count - rows.len()
        );
        text += &look.paint(Style::Dim, look.wrapped("  ", &rest));
    }
    text
}

const COLUMNS: [Column; 5] = [
    Column { title: "GPU", right: false, rank: 0 },
    Column { title: "USABLE MiB", right: true, rank: 1 },
    Column { title: "FREE MiB", right: true, rank: 2 },
    Column { title: "GB/s", right: true, rank: 4 },
    Column { title: "$/HOUR", right: true, rank: 3 },
];

fn row(fit: &Fit) -> Vec<String> {
    vec![
        fit.gpu.name.to_owned(),
        grouped(fit.gpu.usable_mib()),
        grouped(fit.free.get() >> 20),
        grouped(fit.gpu.bandwidth_gb_s.into()),
        price(fit.gpu.hourly()),
    ]
}

/// Dollars, or nothing where no list has it.
pub(super) fn price(price: Option<Hourly>) -> String {
    price.map_or_else(|| "-".to_owned(), |Hourly { cents, .. }| format!("{}.{:02}", cents / 100, cents % 100))
}

fn mib(bytes: Bytes) -> String {
    format!("{} MiB", grouped(bytes.mib()))
}

fn bar(part: Bytes, whole: Bytes, look: &Look) -> String {
    let longest = look.width.saturating_sub(BEFORE_BAR).min(LONGEST_BAR) as u64;
    let length = part.get().checked_mul(longest).map_or(longest, |scaled| scaled / whole.get().max(1));
    "█".repeat(usize::try_from(length).unwrap_or(LONGEST_BAR))
}

fn label(term: &str) -> &str {
    match term {
        "kvCache" => "KV cache",
        "compute" => "compute buffers",
        "adapters" => "LoRA adapters",
        "state" => "recurrent state",
        other => other,
    }
}
