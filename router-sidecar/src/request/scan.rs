//! A pass over JSON that builds nothing: it checks, measures and tells where things are.
//!
//! Prompts are long, and nearly all of their bytes are inside of strings, which [`super::runs`] looks at in blocks. What is
//! unusual — an escaped key, deep nesting, a number where text is expected — and what is wrong is left to the parser of
//! [`super::peek`], which decides and says why.

use super::prompt::TextLength;
use super::runs::run_of;
use std::ops::Range;

/// Nesting that is followed here.
const DEPTH: u32 = 64;

/// Left to the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unusual;

type Scan<T> = Result<T, Unusual>;

/// Goes over a text once.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    /// Whether there are bytes that are not ASCII. All of them are in strings, and nobody has checked them.
    pub(super) beyond_ascii: bool,
}

impl<'a> Scanner<'a> {
    /// At the beginning of a text.
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, beyond_ascii: false }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next byte after white space.
    pub(super) fn next_token(&mut self) -> Scan<u8> {
        loop {
            match self.peek().ok_or(Unusual)? {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return Ok(byte),
            }
        }
    }

    /// Passes over white space and this byte.
    fn expect(&mut self, byte: u8) -> Scan<()> {
        if self.next_token()? != byte {
            return Err(Unusual);
        }
        self.at += 1;
        Ok(())
    }

    /// Nothing but white space is left.
    pub(super) fn end(&mut self) -> Scan<()> {
        if self.next_token().is_ok() { Err(Unusual) } else { Ok(()) }
    }

    /// An object: `member` gets each key, and must pass over its value.
    pub(super) fn object(&mut self, mut member: impl FnMut(&mut Self, &'a [u8]) -> Scan<()>) -> Scan<()> {
        self.expect(b'{')?;
        if self.next_token()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = self.plain_string()?;
            self.expect(b':')?;
            self.next_token()?;
            let inside = self.text.get(key).unwrap_or_default();
            member(self, inside)?;
            match self.next_token()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return Err(Unusual),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// A list: `element` must pass over each value.
    pub(super) fn list(&mut self, mut element: impl FnMut(&mut Self) -> Scan<()>) -> Scan<()> {
        self.expect(b'[')?;
        if self.next_token()? == b']' {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.next_token()?;
            element(self)?;
            match self.next_token()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return Err(Unusual),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// A string without escapes; where its inside is.
    pub(super) fn plain_string(&mut self) -> Scan<Range<usize>> {
        self.expect(b'"')?;
        let start = self.at;
        self.run();
        if self.peek() != Some(b'"') {
            return Err(Unusual);
        }
        let inside = start..self.at;
        self.at += 1;
        Ok(inside)
    }

    /// Any string; how long it is when its escapes are read.
    pub(super) fn string(&mut self) -> Scan<TextLength> {
        self.expect(b'"')?;
        let mut length = TextLength::default();
        loop {
            let (run, other) = self.run();
            length.add(TextLength::counted(run as u64 - other, other));
            let end = self.peek().ok_or(Unusual)?;
            self.at += 1;
            match end {
                b'"' => return Ok(length),
                b'\\' => length.add(self.escape()?),
                // A control character.
                _ => return Err(Unusual),
            }
        }
    }

    /// Passes over bytes that mean themselves in a string; how many there are, and how many of them are not ASCII.
    fn run(&mut self) -> (usize, u64) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let (length, other) = run_of(rest);
        self.at += length;
        self.beyond_ascii |= other > 0;
        (length, other)
    }

    /// What follows a backslash. Halves of surrogate pairs are left to the parser: they may not stand alone.
    fn escape(&mut self) -> Scan<TextLength> {
        let letter = self.peek().ok_or(Unusual)?;
        self.at += 1;
        match letter {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(TextLength::counted(1, 0)),
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4).ok_or(Unusual)?;
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(Unusual);
                }
                self.at += 4;
                let digits = std::str::from_utf8(digits).map_err(|_| Unusual)?;
                let code = u32::from_str_radix(digits, 16).map_err(|_| Unusual)?;
                match char::from_u32(code).ok_or(Unusual)?.len_utf8() as u64 {
                    1 => Ok(TextLength::counted(1, 0)),
                    bytes => Ok(TextLength::counted(0, bytes)),
                }
            }
            _ => Err(Unusual),
        }
    }

    /// Passes over any value; where it is.
    pub(super) fn value(&mut self) -> Scan<Range<usize>> {
        self.next_token()?;
        let start = self.at;
        self.skip(DEPTH)?;
        Ok(start..self.at)
    }

    fn skip(&mut self, depth: u32) -> Scan<()> {
        let depth = depth.checked_sub(1).ok_or(Unusual)?;
        match self.next_token()? {
            b'"' => self.string().map(drop),
            b'{' => self.object(|inside, _| inside.skip(depth)),
            b'[' => self.list(|inside| inside.skip(depth)),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    /// Passes over one of the three words.
    pub(super) fn word(&mut self, word: &[u8]) -> Scan<()> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(Unusual);
        }
        self.at += word.len();
        Ok(())
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self) -> Scan<bool> {
        if self.word(b"true").is_ok() { Ok(true) } else { self.word(b"false").map(|()| false) }
    }

    fn number(&mut self) -> Scan<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let whole = self.at;
        self.digits()?;
        if self.text.get(whole) == Some(&b'0') && self.at > whole + 1 {
            return Err(Unusual);
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// One digit or more.
    fn digits(&mut self) -> Scan<()> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        match rest.iter().take_while(|byte| byte.is_ascii_digit()).count() {
            0 => Err(Unusual),
            count => {
                self.at += count;
                Ok(())
            }
        }
    }

    /// The text in a value, wherever a message may hold it; see [`super::prompt`].
    pub(super) fn text(&mut self, depth: u32) -> Scan<TextLength> {
        let depth = depth.checked_sub(1).ok_or(Unusual)?;
        let mut sum = TextLength::default();
        match self.next_token()? {
            b'"' => return self.string(),
            b'[' => self.list(|inside| {
                sum.add(inside.text(depth)?);
                Ok(())
            })?,
            b'{' => self.object(|inside, key| {
                if TextLength::is_in(key) {
                    sum.add(inside.text(depth)?);
                    Ok(())
                } else {
                    inside.skip(depth)
                }
            })?,
            b'n' => self.word(b"null")?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            _ => return Err(Unusual),
        }
        Ok(sum)
    }

    /// The text of a list of messages.
    pub(super) fn messages(&mut self) -> Scan<TextLength> {
        let mut sum = TextLength::default();
        self.list(|inside| {
            sum.add(inside.text(DEPTH)?);
            sum.add(TextLength::of_message());
            Ok(())
        })?;
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    fn accepts(text: &[u8]) -> bool {
        let mut scanner = Scanner::new(text);
        scanner.value().is_ok() && scanner.end().is_ok()
    }

    #[test]
    fn what_is_usual_is_passed_over_and_what_is_wrong_is_not() {
        for text in [
            r#" {"a" : [1, -0.5e+10, 0, true, false, null, "x\n\u00e9\\\"/", {}, [ ]] , "b":{"c":"für"}} "#,
            r#""""#,
            "0",
            &format!("\"{}\"", "x".repeat(100)),
        ] {
            assert!(accepts(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            " ",
            "{",
            "[",
            "{]",
            "[}",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "tru",
            "nulll",
            "1 2",
            "\"",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\n\"",
            "\"\u{1}\"",
            &"[".repeat(100),
        ] {
            assert!(!accepts(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_passes_that_the_parser_refuses(
            parts in prop::collection::vec(prop::sample::select(vec![
                "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\\n\"", "\\", "\\u00e9", "1", "-1.5e3", "0", "true", "null", " ", "\n", "é",
            ]), 0..24),
        ) {
            let text = parts.concat();
            if accepts(text.as_bytes()) {
                prop_assert!(serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
            }
        }

        #[test]
        fn any_value_passes_and_any_string_is_measured(text in ".{0,200}", number in any::<f64>(), depth in 0_usize..40) {
            let mut value = serde_json::json!({ "text": &text, "number": number, "list": [&text, null, true] });
            for _ in 0..depth {
                value = serde_json::json!([value]);
            }
            prop_assert!(accepts(value.to_string().as_bytes()));
            let quoted = serde_json::to_string(&text).unwrap();
            let mut scanner = Scanner::new(quoted.as_bytes());
            prop_assert_eq!(scanner.string(), Ok(TextLength::of(&text)));
            prop_assert_eq!(scanner.beyond_ascii, !text.is_ascii());
        }
    }
}
