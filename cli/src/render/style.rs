//! What the terminal is like.

use std::fmt;

/// How to show things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns of the terminal.
    pub width: usize,
    /// Whether to use colours.
    pub color: bool,
    /// Whether to list everything.
    pub all: bool,
}

/// A way to set text off.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    Bold,
    Dim,
    Good,
    Bad,
}

impl Look {
    /// `text`, set off where colours are used.
    pub(super) fn paint(&self, style: Style, text: impl fmt::Display) -> String {
        if !self.color {
            return text.to_string();
        }
        let code = match style {
            Style::Bold => 1,
            Style::Dim => 2,
            Style::Good => 32,
            Style::Bad => 31,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// `text` in lines that fit, the first after `first`, the others indented as far.
    pub(super) fn wrapped(&self, first: &str, text: &str) -> String {
        let indent = first.chars().count();
        let width = self.width.saturating_sub(indent).max(20);
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut() {
                Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        format!("{first}{}\n", lines.join(&format!("\n{}", " ".repeat(indent))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_at_words_and_indented() {
        let look = Look { width: 24, color: false, all: false };
        assert_eq!(look.wrapped("- ", "one two three four five six"), "- one two three four\n  five six\n");
        let long = look.wrapped("", "https://an.address.that.is.longer.than.the.line end");
        assert_eq!(long, "https://an.address.that.is.longer.than.the.line\nend\n");
    }

    #[test]
    fn colours_only_where_wanted() {
        let plain = Look { width: 80, color: false, all: false };
        assert_eq!(plain.paint(Style::Bold, "x"), "x");
        assert_eq!(Look { color: true, ..plain }.paint(Style::Bold, "x"), "\u{1b}[1mx\u{1b}[0m");
    }
}
