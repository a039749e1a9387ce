//! What is found in whole bodies.

use super::Classifier;
use flotilla_crds::router_config::{Detector, Pattern};
use proptest::prelude::*;
use serde_json::json;

fn pattern(name: &str, pattern: &str, class: Option<&str>) -> Pattern {
    Pattern { name: name.to_owned(), pattern: pattern.to_owned(), data_class: class.map(str::to_owned) }
}

fn all() -> Classifier {
    let patterns = [pattern("employee", r"\bEMP-\d{6}\b", Some("HR"))];
    Classifier::new(&Detector::ALL, &patterns, "PHI").unwrap().unwrap()
}

/// What finds something in a body.
fn found(body: &str) -> Vec<String> {
    all().classify(body.as_bytes()).into_iter().map(|finding| finding.by).collect()
}

fn chat(content: &str) -> String {
    json!({"model": "m", "messages": [{"role": "user", "content": content}]}).to_string()
}

#[test]
fn a_finding_has_the_class_of_the_policy_or_of_the_pattern() {
    let findings = all().classify(chat("SSN 123-45-6789, EMP-123456, 987-65-4321, a@b.org").as_bytes());
    let classes: Vec<_> = findings.iter().map(|f| (f.by.as_str(), f.class.as_str())).collect();
    // Once a class is found, nobody looks for it any more.
    assert_eq!(classes, [("SSN", "phi"), ("employee", "hr")]);
}

#[test]
fn text_is_found_wherever_a_body_holds_it() {
    let ssn = "123-45-6789";
    for body in [
        json!({"messages": [{"role": "user", "content": ssn}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": format!("it is {ssn}")}]}]}),
        json!({"messages": [{"role": "user", "content": [
            {"type": "text", "text": "123-45"}, {"type": "image_url", "image_url": {"url": "data:x"}}, {"type": "text", "text": "-6789"}
        ]}]}),
        json!({"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{\"ssn\":\"123456789\"}"}}]}]}),
        json!({"messages": [{"role": "user", "name": ssn, "content": "hi"}]}),
        json!({"tools": [{"function": {"description": ssn}}]}),
        json!({"metadata": {"ssn": 123_456_789}}),
        json!({ssn: 1}),
        json!({"input": ["a", ssn]}),
        json!({"messages": [{"role": "user", "content": "123\u{2011}45\u{2011}6789"}]}),
    ] {
        assert_eq!(found(&body.to_string()), ["SSN"], "{body}");
    }
    for body in [
        r#"{"content":"\u0031\u0032\u0033-45-6789"}"#,
        r#"{"c\u006fntent":[{"t\u0065xt":"123-4"},{"text":"5-6789"}]}"#,
        r#"{ "content" : "\\\"123-45-6789" }"#,
    ] {
        assert_eq!(found(body), ["SSN"], "{body}");
    }
}

#[test]
fn what_does_not_belong_together_is_not_put_together() {
    for body in [
        json!({"messages": [{"role": "user", "content": "123-45-"}, {"role": "user", "content": "6789"}]}),
        json!({"input": ["123-45-", "6789"]}),
        json!({"a": "123-45-", "b": "6789"}),
    ] {
        assert_eq!(found(&body.to_string()), Vec::<String>::new(), "{body}");
    }
}

#[test]
fn wrong_patterns_are_refused() {
    for (wrong, message) in
        [("(", "unclosed group"), ("a*", "matches the empty text"), (r"\w{5000}{5000}", "size limit")]
    {
        let error = Classifier::new(&[], &[pattern("p", wrong, None)], "x").unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    assert!(Classifier::new(&[], &[], "x").unwrap().is_none());
}

/// One of each, with what finds it. Each is found by no other.
const SAMPLES: [(&str, &str); 8] = [
    ("123-45-6789", "SSN"),
    ("4111 1111 1111 1111", "CreditCard"),
    ("DE89 3704 0044 0532 0130 00", "IBAN"),
    ("MRN: 0012345", "MRN"),
    ("jane.doe@example.com", "Email"),
    ("(212) 555-0123", "Phone"),
    ("diagnosis E11.9", "ICD10"),
    ("EMP-123456", "employee"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// Wherever in however long a text, however written, and however cut into parts.
    #[test]
    fn every_sample_is_found_at_every_place(
        (sample, by) in proptest::sample::select(SAMPLES.to_vec()),
        before in 0_usize..70_000, after in 0_usize..70_000,
        escaped in proptest::collection::vec(any::<bool>(), 40), cut in 0_usize..40, filler in "[a-z ,.é日]{1,30}",
    ) {
        let fill = |length: usize| filler.chars().cycle().take(length).collect::<String>();
        let escape = |text: &str| -> String {
            text.chars().zip(&escaped).map(|(c, e)| if *e { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() }).collect()
        };
        let (one, two) = sample.split_at(cut.min(sample.len()));
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"{} {}"}},{{"type":"text","text":"{} {}"}}]}}]}}"#,
            fill(before), escape(one), escape(two), fill(after)
        );
        let finder = Classifier::new(&Detector::ALL, &[pattern("employee", r"\bEMP-\d{6}\b", None)], "x").unwrap().unwrap();
        let found: Vec<_> = finder.classify(body.as_bytes()).into_iter().map(|f| f.by).collect();
        prop_assert_eq!(found, [by]);
    }

    #[test]
    fn any_bytes_are_passed_over_without_harm(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        all().classify(&body);
    }

    #[test]
    fn plain_words_have_no_class(text in "[a-zA-Z ,.;:!?()\n-]{0,400}") {
        prop_assert_eq!(found(&chat(&text)), Vec::<String>::new());
    }
}
