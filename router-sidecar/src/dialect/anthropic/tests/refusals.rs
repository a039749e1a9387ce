//! What has no form there is refused by name, not left out.

use super::request;

#[test]
fn each_field_without_a_form_is_named() {
    let user = r#"{"role":"user","content":"hi"}"#;
    let plain = |more: &str| format!(r#"{{"model":"m","messages":[{user}]{more}}}"#);
    let with = |message: &str| format!(r#"{{"model":"m","messages":[{user},{message}]}}"#);
    let part = |part: &str| with(&format!(r#"{{"role":"user","content":[{part}]}}"#));
    for (body, param) in [
        (plain(r#","n":2"#), "n"),
        (plain(r#","logprobs":true"#), "logprobs"),
        (plain(r#","top_logprobs":3"#), "top_logprobs"),
        (plain(r#","logit_bias":{"50256":-100}"#), "logit_bias"),
        (plain(r#","presence_penalty":0.5"#), "presence_penalty"),
        (plain(r#","frequency_penalty":-1"#), "frequency_penalty"),
        (plain(r#","modalities":["text","audio"]"#), "modalities"),
        (plain(r#","functions":[{"name":"f"}]"#), "functions"),
        (plain(r#","web_search_options":{}"#), "web_search_options"),
        (plain(r#","repetition_penalty":1.1"#), "repetition_penalty"),
        (plain(r#","temperature":1.5"#), "temperature"),
        (plain(r#","stop":["a"," \n"]"#), "stop"),
        (plain(r#","stop":[1]"#), "stop"),
        (plain(r#","max_tokens":"many""#), "max_tokens"),
        (plain(r#","reasoning_effort":"utmost""#), "reasoning_effort"),
        (plain(r#","response_format":{"type":"json_object"}"#), "response_format"),
        (plain(r#","response_format":{"type":"json_schema"}"#), "response_format"),
        (plain(r#","tools":[{"type":"custom","custom":{"name":"x"}}]"#), "tools[0]"),
        (
            plain(
                r#","tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools"}"#,
            ),
            "tool_choice",
        ),
        (plain(r#","tool_choice":"sometimes""#), "tool_choice"),
        (with(r#"{"role":"critic","content":"x"}"#), "messages[1].role"),
        (with(r#"{"role":"user","content":5}"#), "messages[1].content"),
        (with(r#"{"role":"tool","content":"x"}"#), "messages[1].tool_call_id"),
        (with(r#"{"role":"assistant","function_call":{"name":"f"}}"#), "messages[1].function_call"),
        (
            with(
                r#"{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"[1]"}}]}"#,
            ),
            "messages[1].tool_calls",
        ),
        (
            with(
                r#"{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":"{\"a\":"}}]}"#,
            ),
            "messages[1].tool_calls",
        ),
        (
            with(r#"{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://x"}}]}"#),
            "messages[1].content",
        ),
        (
            part(r#"{"type":"input_audio","input_audio":{"data":"","format":"wav"}}"#),
            "messages[1].content[0]",
        ),
        (part(r#"{"type":"image_url","image_url":{"url":"ftp://x/y.png"}}"#), "messages[1].content[0]"),
        (part(r#"{"type":"image_url","image_url":{"url":"data:image/png,abc"}}"#), "messages[1].content[0]"),
        (part(r#"{"type":"file","file":{"file_id":"file-1"}}"#), "messages[1].content[0]"),
        (
            part(r#"{"type":"file","file":{"file_data":"data:text/csv;base64,YQ=="}}"#),
            "messages[1].content[0]",
        ),
        (r#"{"model":"m"}"#.to_owned(), "messages"),
        (r#"{"model":"m","messages":[{"role":"system","content":"only"}]}"#.to_owned(), "messages"),
        (r#"{"model":"m","messages":[{"role":"user","content":""}]}"#.to_owned(), "messages"),
        (r#"{"model":"m","messages":{}}"#.to_owned(), "messages"),
        ("[]".to_owned(), "body"),
    ] {
        let refused = request(&body).expect_err(&body);
        assert_eq!(refused.param, param, "{body}: {refused}");
        assert!(!refused.message.is_empty());
    }
}
