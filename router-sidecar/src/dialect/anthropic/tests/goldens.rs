//! What is made of real requests, answers and streams. Those of the API are as its documentation shows them.

use super::{request, stream, translation};
use serde_json::Value;
use serde_json::value::RawValue;

#[test]
fn a_conversation_with_tools_images_and_everything_that_has_a_form_there() {
    let body = r#"{
      "model": "assistant", "stream": true, "stream_options": {"include_usage": true},
      "max_completion_tokens": 500, "temperature": 0.70, "top_p": 0.9, "stop": ["END", "\n\nHuman:"],
      "user": "u-17", "n": 1, "seed": 7, "presence_penalty": 0, "logprobs": false, "parallel_tool_calls": false,
      "tools": [
        {"type": "function", "function": {"name": "weather", "description": "The weather at a place.", "strict": true,
          "parameters": {"type": "object", "required": ["place"], "properties": {"place": {"type": "string"}}}}},
        {"type": "function", "function": {"name": "now"}, "cache_control": {"type": "ephemeral"}}
      ],
      "tool_choice": {"type": "function", "function": {"name": "weather"}},
      "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "developer", "content": [{"type": "text", "text": "Use °C.", "cache_control": {"type": "ephemeral"}}]},
        {"role": "user", "name": "Ada", "content": [
          {"type": "text", "text": "What is the weather \"here\"? 🚀"},
          {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
          {"type": "image_url", "image_url": {"url": "https://example.com/cat.jpg"}},
          {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}}
        ]},
        {"role": "assistant", "content": null, "tool_calls": [
          {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{\"place\": \"Graz\", \"a\": 1.0}"}},
          {"id": "call_2", "type": "function", "function": {"name": "now", "arguments": ""}}
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": "31 °C"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "noon"}]},
        {"role": "user", "content": "And tomorrow?"},
        {"role": "system", "content": "Answer in German."},
        {"role": "assistant", "content": "Morgen"}
      ]
    }"#;
    insta::assert_json_snapshot!("request", request(body).unwrap());
    // What the model reads is as it was written, to the order of keys.
    let model = RawValue::from_string("\"m\"".to_owned()).unwrap();
    let made = (translation().request)(body.as_bytes(), &model).unwrap();
    let made = std::str::from_utf8(&made).unwrap();
    for kept in [r#"{"place": "Graz", "a": 1.0}"#, r#"{"type": "object", "required": ["place"]"#, ":0.70,"] {
        assert!(made.contains(kept), "{made}");
    }
}

#[test]
fn options_each_in_their_own_form() {
    let with = |more: &str| {
        request(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{more}}}"#)).unwrap()
    };
    let tool = r#","tools":[{"type":"function","function":{"name":"f"}}]"#;
    for (more, field, expected) in [
        ("", "max_tokens", "4096"),
        (r#","max_tokens":9"#, "max_tokens", "9"),
        (r#","stop":"END""#, "stop_sequences", r#"["END"]"#),
        (r#","stop":null,"tools":null,"tool_choice":null,"foo":null"#, "stop_sequences", "null"),
        (r#","tool_choice":"auto""#, "tool_choice", "null"),
        (&format!(r#"{tool},"tool_choice":"required""#), "tool_choice", r#"{"type":"any"}"#),
        (&format!(r#"{tool},"tool_choice":"none""#), "tool_choice", r#"{"type":"none"}"#),
        (
            &format!(r#"{tool},"parallel_tool_calls":false"#),
            "tool_choice",
            r#"{"disable_parallel_tool_use":true,"type":"auto"}"#,
        ),
        (&format!(r#"{tool},"parallel_tool_calls":true"#), "tool_choice", "null"),
        (r#","reasoning_effort":"minimal""#, "output_config", r#"{"effort":"low"}"#),
        (r#","reasoning_effort":"none""#, "output_config", "null"),
        (
            r#","response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object"}}}"#,
            "output_config",
            r#"{"format":{"schema":{"type":"object"},"type":"json_schema"}}"#,
        ),
        (r#","response_format":{"type":"text"}"#, "output_config", "null"),
        (r#","safety_identifier":"s","user":"u""#, "metadata", r#"{"user_id":"s"}"#),
        (r#","thinking":{"type":"adaptive"}"#, "thinking", r#"{"type":"adaptive"}"#),
    ] {
        let expected: Value = serde_json::from_str(expected).unwrap();
        let made = with(more);
        assert_eq!(made.get(field).unwrap_or(&Value::Null), &expected, "{more}");
    }
}

#[test]
fn an_answer_that_came_whole() {
    let body = r#"{
      "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-x", "stop_sequence": null,
      "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "EqQBCg=="},
        {"type": "redacted_thinking", "data": "EmwKA"},
        {"type": "text", "text": "I look ", "citations": null}, {"type": "text", "text": "it up: \"Graz\""},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "Graz", "a": 1.0}},
        {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}
      ],
      "stop_reason": "tool_use",
      "usage": {"input_tokens": 10, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 3000,
        "output_tokens": 40, "output_tokens_details": {"thinking_tokens": 5}, "service_tier": "standard"}
    }"#;
    let answer = (translation().answer)(body.as_bytes(), 1_700_000_000).unwrap();
    insta::assert_json_snapshot!("answer", serde_json::from_slice::<Value>(&answer).unwrap());
    let none = r#"{"id":"m","model":"c","content":[],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":0}}"#;
    let answer = (translation().answer)(none.as_bytes(), 0).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], Value::Null);
    assert!((translation().answer)(b"{\"id\":\"m\"}", 0).is_none());
    assert!((translation().answer)(b"<html>", 0).is_none());
}

/// Text, thinking and two calls, one without arguments.
const STREAM: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":100,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"Let me see"}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"EqQB"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: ping
data: {"type": "ping"}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Grüße"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":" 🚀\n\"x\""}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: content_block_start
data: {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"toolu_1","name":"weather","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":""}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"place\":"}}

event: content_block_delta
data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":" \"Graz\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":2}

event: content_block_start
data: {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"toolu_2","name":"now","input":{}}}

event: content_block_stop
data: {"type":"content_block_stop","index":3}

event: something_new
data: {"type":"something_new","delta":{"text":null},"more":[1]}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":89}}

event: message_stop
data: {"type":"message_stop"}

"#;

#[test]
fn a_stream_whatever_its_cuts() {
    let whole = stream(STREAM, STREAM.len());
    insta::assert_snapshot!("stream", whole);
    for size in 1..300 {
        assert_eq!(stream(STREAM, size), whole, "pieces of {size} bytes");
    }
}

#[test]
fn an_error_in_a_stream_ends_it_in_openais_form() {
    let (before, _) = STREAM.split_once("event: content_block_stop").unwrap();
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let made = stream(&format!("{before}{error}{STREAM}"), 1000);
    let expected = "data: {\"error\":{\"message\":\"Overloaded\",\"type\":\"overloaded_error\",\"param\":null,\"code\":null}}\n\n";
    assert!(made.ends_with(expected), "{made}");
    for wrong in ["data: {\"type\":\n\n", "data: [1]\n\n", "data: {\"no\":\"type\"}\n\n"] {
        let made = stream(&format!("{before}{wrong}{STREAM}"), 1000);
        assert!(made.ends_with("data: {\"error\":{\"message\":\"an event of the stream cannot be read\",\"type\":\"api_error\",\"param\":null,\"code\":null}}\n\n"), "{made}");
    }
    // An event that never ends is not kept for ever.
    let made = stream(&format!("{before}data: {}", "x".repeat(2 << 20)), 4096);
    assert_eq!(made.matches("is too long").count(), 1, "{made}");
}

#[test]
fn errors_keep_their_words() {
    let body = br#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long"},"request_id":"req_1"}"#;
    for (body, message, kind) in [
        (&body[..], "prompt is too long", "invalid_request_error"),
        (b"<html>bad gateway</html>", "<html>bad gateway</html>", "api_error"),
        (b"\xff", "\u{fffd}", "api_error"),
    ] {
        let made: Value = serde_json::from_slice(&(translation().error)(body)).unwrap();
        assert_eq!((&made["error"]["message"], &made["error"]["type"]), (&message.into(), &kind.into()));
        let reported = (translation().reported)(body);
        assert_eq!(reported.is_some(), kind != "api_error", "{message}");
    }
}

#[test]
fn reasons_to_end_are_openais() {
    for (theirs, ours) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("of tomorrow", "stop"),
    ] {
        assert_eq!(super::super::finish_reason(theirs), ours);
    }
}
