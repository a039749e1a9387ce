//! One JSON object a line, fields at its top level.
//!
//! The subscriber's own JSON format goes through a serializer, which cost a quarter of all the instructions that a
//! request takes; this one writes text.

use crate::decimal::Decimal;
use std::cell::RefCell;
use std::fmt::{self, Write as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// `{"timestamp": …, "level": …, FIELDS, "target": …}`
#[derive(Debug)]
pub struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::with_capacity(512);
        line.push_str("{\"timestamp\":\"");
        timestamp(jiff::Timestamp::now(), &mut line);
        line.push_str("\",\"level\":\"");
        line.push_str(event.metadata().level().as_str());
        line.push('"');
        let mut fields = Fields { line: &mut line, result: Ok(()) };
        event.record(&mut fields);
        fields.result?;
        line.push_str(",\"target\":\"");
        line.push_str(event.metadata().target());
        line.push_str("\"}\n");
        writer.write_str(&line)
    }
}

thread_local! {
    /// The last second that was written, as text: a busy router writes thousands of lines in each.
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
}

/// Date and time with six digits of the second, in UTC.
fn timestamp(now: jiff::Timestamp, out: &mut String) {
    let text = format_args!("{now:.6}");
    let (second, micros) = (now.as_second(), u64::try_from(now.subsec_microsecond()));
    let Ok(micros) = micros else {
        // Before 1970, where there is a sign to it.
        let _ = out.write_fmt(text);
        return;
    };
    SECOND.with_borrow_mut(|(at, text)| {
        if *at != second {
            *at = second;
            *text = jiff::Timestamp::from_second(second).map_or_else(|_| String::new(), |at| at.to_string());
        }
        out.push_str(text.trim_end_matches('Z'));
    });
    out.push('.');
    let digits = Decimal::of(1_000_000 + micros);
    out.push_str(digits.as_str().get(1..).unwrap_or_default());
    out.push('Z');
}

struct Fields<'a> {
    line: &'a mut String,
    result: fmt::Result,
}

impl Fields<'_> {
    fn key(&mut self, field: &Field) {
        self.line.push_str(",\"");
        // Names are identifiers, or literals of this workspace: nothing in them to escape.
        let name = field.name();
        self.line.push_str(name.strip_prefix("r#").unwrap_or(name));
        self.line.push_str("\":");
    }

    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.key(field);
        self.result = self.result.and(write!(self.line, "{value}"));
    }

    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.key(field);
        self.line.push('"');
        let mut escaped = Escaped(self.line);
        let result = match value.as_str() {
            Some(text) => escaped.write_str(text),
            None => escaped.write_fmt(value),
        };
        self.result = self.result.and(result);
        self.line.push('"');
    }
}

impl Visit for Fields<'_> {
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.key(field);
        self.line.push_str(Decimal::of(value).as_str());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.key(field);
        self.line.push_str(if value { "true" } else { "false" });
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field, value);
        } else {
            self.plain(field, "null");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.key(field);
        self.line.push('"');
        let result = Escaped(self.line).write_str(value);
        self.result = self.result.and(result);
        self.line.push('"');
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }
}

/// Text inside a JSON string.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            let (before, after) = rest.split_at(at);
            self.0.push_str(before);
            // One byte: what was found is ASCII.
            let (special, after) = after.split_at(1);
            match special {
                "\"" => self.0.push_str("\\\""),
                "\\" => self.0.push_str("\\\\"),
                "\n" => self.0.push_str("\\n"),
                other => {
                    for byte in other.bytes() {
                        write!(self.0, "\\u{byte:04x}")?;
                    }
                }
            }
            rest = after;
        }
        self.0.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn times_have_six_digits_whatever_came_before() {
        for nanos in
            [0_i128, 1_999, 999_999_999, 1_700_000_000_000_001_000, 1_700_000_000_123_456_789, -1_500_000_000]
        {
            let now = jiff::Timestamp::from_nanosecond(nanos).unwrap();
            let mut out = String::new();
            timestamp(now, &mut out);
            assert_eq!(out, format!("{now:.6}"));
        }
    }

    #[test]
    fn every_kind_of_value_is_json_and_nothing_escapes_its_string() {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber =
            tracing_subscriber::fmt().event_format(JsonLine).with_writer(move || writer.clone()).finish();
        let nasty = "a \"quoted\" \\ line\nand \u{1} für 🚀";
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(
                text = nasty,
                shown = %nasty,
                debugged = ?nasty,
                number = 7_u64,
                less = -7_i64,
                share = 0.5,
                not = f64::NAN,
                yes = true,
                absent = None::<u64>,
                r#type = "raw",
                "said {nasty}"
            );
        });
        let line = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["text"], nasty);
        assert_eq!(json["shown"], nasty);
        assert_eq!(json["debugged"], format!("{nasty:?}"));
        assert_eq!((&json["number"], &json["less"]), (&7.into(), &(-7).into()));
        assert_eq!((&json["share"], &json["not"], &json["yes"]), (&0.5.into(), &().into(), &true.into()));
        assert_eq!(json["message"], format!("said {nasty}"));
        assert_eq!((&json["level"], &json["type"]), (&"INFO".into(), &"raw".into()));
        assert_eq!(json["target"], "flotilla_router::telemetry::json::tests");
        json["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(json.get("absent").is_none());
    }
}
