//! The report as a picture, for the README: a terminal drawn as SVG.

use std::fmt::Write as _;

const LINE: usize = 17;
const COLUMN: f64 = 7.8;
const MARGIN: usize = 16;
/// Longer lines are cut, so that the picture stays readable in a page.
const COLUMNS: usize = 164;

/// Draws `text`; headings (lines in capitals that are not indented) stand out.
pub(super) fn svg(text: &str) -> String {
    let lines: Vec<String> = text.trim().lines().map(|line| line.chars().take(COLUMNS).collect()).collect();
    let columns = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let (width, height) = (columns as f64 * COLUMN + 2.0 * MARGIN as f64, lines.len() * LINE + 2 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height}\" viewBox=\"0 0 {width:.0} {height}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#14181f\"/>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, DejaVu Sans Mono, monospace\" font-size=\"13\" fill=\"#d5dbe3\">\n"
    );
    for (index, line) in lines.iter().enumerate() {
        let style =
            if line.starts_with(char::is_uppercase) { " fill=\"#7cc7ff\" font-weight=\"bold\"" } else { "" };
        let y = MARGIN + index * LINE + LINE - 4;
        let _ = writeln!(
            out,
            "<text x=\"{MARGIN}\" y=\"{y}\" xml:space=\"preserve\"{style}>{}</text>",
            escape(line)
        );
    }
    out.push_str("</g>\n</svg>\n");
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_stand_out_and_markup_is_escaped() {
        let picture = svg("\nNODES\n  a < b & c\n");
        assert!(picture.contains("font-weight=\"bold\">NODES<"));
        assert!(picture.contains("  a &lt; b &amp; c"));
    }
}
