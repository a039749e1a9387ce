//! Tokens and replicas over time, as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 900.0;
const PANEL: f64 = 170.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 24.0;

/// One second.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Since the start.
    pub second: f64,
    /// Tokens asked for, per second.
    pub offered: f64,
    /// Tokens of this mix that the replicas do which serve or will, per second.
    pub capacity: f64,
    /// Replicas that there should be.
    pub desired: f64,
    /// Replicas that serve.
    pub ready: f64,
}

type Line = (&'static str, &'static str, fn(&Point) -> f64);

/// Tokens above, replicas below.
pub fn picture(points: &[Point]) -> String {
    let panels: [(&str, [Line; 2]); 2] = [
        (
            "tokens per second",
            [("offered", "#9a9a9a", |point| point.offered), ("capacity", "#1f5fbf", |point| point.capacity)],
        ),
        (
            "replicas",
            [("wanted", "#9a9a9a", |point| point.desired), ("serving", "#1f5fbf", |point| point.ready)],
        ),
    ];
    let height = PANEL * 2.0 + 24.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (nth, (title, lines)) in panels.iter().enumerate() {
        panel(&mut svg, PANEL * nth as f64, title, lines, points);
    }
    let seconds = points.last().map_or(0.0, |point| point.second);
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\" fill=\"#444\">{seconds:.0} seconds</text>\n</svg>",
        height - 8.0
    );
    svg
}

fn panel(svg: &mut String, top: f64, title: &str, lines: &[Line], points: &[Point]) {
    let (upper, lower) = (top + TOP, top + PANEL - 8.0);
    let all = points.iter().flat_map(|point| lines.iter().map(move |(_, _, of)| of(point)));
    let most = all.fold(1.0, f64::max);
    let seconds = points.last().map_or(1.0, |point| point.second.max(1.0));
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {upper:.0}V{lower:.0}H{WIDTH}\" fill=\"none\" stroke=\"#999\"/>\
         <text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\" fill=\"#444\">{most:.0}</text>\
         <text x=\"{LEFT}\" y=\"{:.0}\">{title}</text>",
        LEFT - 6.0,
        upper + 10.0,
        top + 16.0
    );
    for (nth, (name, color, of)) in lines.iter().enumerate() {
        let place = |point: &Point| {
            let x = LEFT + (WIDTH - LEFT) * point.second / seconds;
            format!("{x:.1},{:.1}", lower - (lower - upper) * of(point) / most)
        };
        let places: Vec<_> = points.iter().map(place).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.2\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\" fill=\"{color}\">{name}</text>",
            places.join(" "),
            LEFT + 160.0 + 90.0 * nth as f64,
            top + 16.0
        );
    }
}
