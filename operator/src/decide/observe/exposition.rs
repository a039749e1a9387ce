//! The text format of Prometheus, as far as gauges need it. Lines that are not of the format are passed over.

use std::borrow::Cow;

/// Labels of one sample; more are passed over.
const MOST_LABELS: usize = 128;

/// One line: a name, its labels, its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample<'a> {
    pub(super) name: &'a str,
    labels: Vec<(&'a str, Cow<'a, str>)>,
    pub(super) value: f64,
}

impl Sample<'_> {
    /// A label's value; none where it is absent or empty, which the format holds for the same.
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_ref()).filter(|value| !value.is_empty())
    }

    /// Whether both have the same labels, apart from `except`. A program writes them in one order.
    pub(super) fn is_labelled_like(&self, other: &Self, except: &[&str]) -> bool {
        let counts = |(name, _): &&(&str, Cow<'_, str>)| !except.contains(name);
        self.labels.iter().filter(counts).eq(other.labels.iter().filter(counts))
    }
}

/// The samples of a text whose name is `name`.
pub(super) fn samples<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = Sample<'a>> {
    text.lines().filter(move |line| line.starts_with(name)).filter_map(sample).filter(move |s| s.name == name)
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, mut rest) = line.split_at_checked(end)?;
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            rest = rest.trim_start_matches([' ', ',']);
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            let (label, quoted) = rest.split_once("=\"")?;
            let (value, after) = unquoted(quoted)?;
            if labels.len() < MOST_LABELS {
                labels.push((label.trim(), value));
            }
            rest = after;
        }
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name, labels, value })
}

/// The text up to a quote that is not escaped, and what follows that.
fn unquoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut escaped = false;
    let end = text.find(|c: char| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    let (value, rest) = text.split_at_checked(end)?;
    let value = if value.contains('\\') {
        Cow::Owned(value.replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\"))
    } else {
        Cow::Borrowed(value)
    };
    Some((value, rest.strip_prefix('"')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_by_name() {
        let text = "# HELP a Help.\n# TYPE a gauge\na{x=\"1\", y=\"\"} 2.5 1788387174142\nab 7\na 3\n";
        let found: Vec<_> = samples(text, "a").collect();
        let values: Vec<_> = found.iter().map(|sample| sample.value.to_string()).collect();
        assert_eq!(values, ["2.5", "3"]);
        assert_eq!((found[0].label("x"), found[0].label("y"), found[1].label("x")), (Some("1"), None, None));
    }

    #[test]
    fn labels_may_hold_anything() {
        let text = r#"a{path="C:\\x \"y\"}, z=\"1\"",b="{}"} 1"#;
        let sample = samples(text, "a").next().unwrap();
        assert_eq!(sample.label("path"), Some(r#"C:\x "y"}, z="1""#));
        assert_eq!(sample.label("b"), Some("{}"));
    }

    #[test]
    fn what_is_no_sample_is_passed_over() {
        for text in
            ["a", "a{", "a{x", "a{x=\"", "a{x=\"1\"", "a{x=\"1\"}", "a{x=\"1\"} much", "a {", "a\u{a0}1é"]
        {
            assert_eq!(samples(text, "a").count(), 0, "{text}");
        }
    }
}
