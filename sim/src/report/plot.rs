//! Demand and replicas over time, as a picture.

use crate::compare::{Comparison, Row};
use crate::outcome::Sample;
use std::fmt::Write as _;

const WIDTH: f64 = 900.0;
const PANEL: f64 = 130.0;
const LEFT: f64 = 46.0;
const TOP: f64 = 26.0;
/// Points of a line; more would not be seen.
const MOST_POINTS: usize = 450;

/// One panel for each rule: what was busy and what served.
pub fn plot(comparison: &Comparison) -> String {
    let most =
        comparison.rows.iter().flat_map(|row| row.outcome.points()).map(|p| p.busy.max(f64::from(p.ready)));
    let most = most.fold(1.0, f64::max);
    let height = PANEL * comparison.rows.len() as f64 + 30.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (nth, row) in comparison.rows.iter().enumerate() {
        panel(&mut svg, row, PANEL * nth as f64, most);
    }
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\" fill=\"#444\">{:.1} hours; grey: replicas that the offered tokens keep busy; \
         blue: replicas that serve</text>\n</svg>",
        height - 10.0,
        comparison.seconds as f64 / 3600.0
    );
    svg
}

fn panel(svg: &mut String, row: &Row, top: f64, most: f64) {
    let outcome = &row.outcome;
    let (upper, lower) = (top + TOP, top + PANEL - 6.0);
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{:.0}\">{}: {:.2} % on time, {:.1} GPU-hours</text>",
        top + 17.0,
        row.rule,
        outcome.attainment() * 100.0,
        outcome.gpu_hours()
    );
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {upper:.0}V{lower:.0}H{WIDTH}\" fill=\"none\" stroke=\"#999\"/>\
         <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\" fill=\"#444\">{most:.0}</text>",
        LEFT - 6.0,
        upper + 10.0
    );
    let line = |svg: &mut String, color: &str, of: fn(&Sample) -> f64| {
        let points: Vec<f64> = thinned(outcome.points(), of);
        let step = (WIDTH - LEFT) / points.len().max(2).saturating_sub(1) as f64;
        let place = |(nth, value): (usize, &f64)| {
            format!("{:.1},{:.1}", LEFT + step * nth as f64, lower - (lower - upper) * value / most)
        };
        let places: Vec<_> = points.iter().enumerate().map(place).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.2\"/>",
            places.join(" ")
        );
    };
    line(svg, "#9a9a9a", |sample| sample.busy);
    line(svg, "#1f5fbf", |sample| f64::from(sample.ready));
}

/// The largest of several points that fall on one.
fn thinned(points: &[Sample], of: fn(&Sample) -> f64) -> Vec<f64> {
    let together = points.len().div_ceil(MOST_POINTS).max(1);
    points.chunks(together).map(|chunk| chunk.iter().map(of).fold(0.0, f64::max)).collect()
}
