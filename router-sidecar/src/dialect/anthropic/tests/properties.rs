//! Whatever is sent and whatever comes, nothing panics and no text is lost, changed or made up.

use super::{request, stream, translation};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Strings, numbers, lists and objects, some of whose names mean something.
fn anything() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "type",
        "role",
        "content",
        "messages",
        "text",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "id",
        "tools",
        "stop",
        "image_url",
        "url",
        "message",
        "delta",
        "usage",
        "content_block",
        "error",
        "index",
        "stop_reason",
        "input_tokens",
        "tool_choice",
        "tool_call_id",
        "response_format",
        "model",
        "input",
        "thinking",
    ]);
    let words = prop::sample::select(vec![
        "user",
        "assistant",
        "tool",
        "system",
        "function",
        "text",
        "tool_use",
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "error",
        "ping",
        "{}",
        "",
        "data:image/png;base64,AA",
        "refusal",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        let name = prop_oneof![4 => names.clone().prop_map(str::to_owned), 1 => "[a-z_]{1,6}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

/// All text in the turns of a request, by side, in order.
fn said(turns: &Value) -> Vec<(String, String)> {
    let mut said: Vec<(String, String)> = Vec::new();
    let mut say = |role: &Value, text: &Value| {
        let (role, text) = (role.as_str().unwrap().to_owned(), text.as_str().unwrap().to_owned());
        match said.last_mut() {
            _ if text.is_empty() => {}
            Some((last, before)) if *last == role => before.push_str(&text),
            _ => said.push((role, text)),
        }
    };
    for turn in turns.as_array().unwrap() {
        match &turn["content"] {
            text @ Value::String(_) => say(&turn["role"], text),
            parts => parts.as_array().unwrap().iter().for_each(|part| say(&turn["role"], &part["text"])),
        }
    }
    said
}

proptest! {
    #[test]
    fn nothing_panics(value in anything(), bytes in prop::collection::vec(any::<u8>(), 0..64), size in 1_usize..40) {
        let text = value.to_string();
        let _ = request(&text);
        let _ = request(&json!({"messages": value}).to_string());
        let _ = request(&json!({"messages": [{"role": "user", "content": value}], "tools": value}).to_string());
        for body in [text.as_bytes(), &bytes] {
            let _ = (translation().answer)(body, 1);
            let error = (translation().error)(body);
            prop_assert!(serde_json::from_slice::<Value>(&error).unwrap()["error"]["message"].is_string());
        }
        let mut decoder = (translation().stream)(1);
        let mut out = Vec::new();
        for piece in format!("data: {text}\n\ndata: {text}\n\n").as_bytes().chunks(size).chain(bytes.chunks(size)) {
            decoder.push(piece, &mut out);
        }
        // Whatever came, what goes out is events of JSON.
        for event in String::from_utf8(out).unwrap().split_terminator("\n\n") {
            let data = event.strip_prefix("data: ");
            let good = event == ": ping" || data == Some("[DONE]")
                || data.is_some_and(|data| serde_json::from_str::<Value>(data).is_ok());
            prop_assert!(good, "{event}");
        }
    }

    #[test]
    fn the_text_of_a_conversation_is_kept(
        turns in prop::collection::vec((prop::bool::ANY, any::<String>(), prop::bool::ANY), 1..8)
    ) {
        let messages: Vec<Value> = turns.iter().map(|(user, text, parts)| {
            let role = if *user { "user" } else { "assistant" };
            let content = if *parts { json!([{"type": "text", "text": text}]) } else { json!(text) };
            json!({"role": role, "content": content})
        }).collect();
        let before = said(&Value::from(messages.clone()));
        match request(&json!({"model": "m", "messages": messages}).to_string()) {
            Ok(made) => prop_assert_eq!(said(&made["messages"]), before),
            Err(_) => prop_assert!(before.is_empty()),
        }
    }

    #[test]
    fn the_text_of_an_answer_is_kept(
        texts in prop::collection::vec(any::<String>(), 1..8), input in anything(), size in 1_usize..200
    ) {
        let blocks: Vec<Value> = texts.iter().map(|text| json!({"type": "text", "text": text})).collect();
        let usage = json!({"input_tokens": 3, "output_tokens": 4});
        let body = json!({"id": "i", "model": "m", "content": blocks, "stop_reason": "end_turn", "usage": usage});
        let answer = (translation().answer)(body.to_string().as_bytes(), 0).unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        prop_assert_eq!(&answer["choices"][0]["message"]["content"], &Value::from(texts.concat()));

        let arguments = input.to_string();
        let mut events = vec![
            json!({"type": "message_start", "message": {"id": "i", "model": "m", "usage": usage}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        ];
        events.extend(texts.iter().map(|text| {
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
        }));
        events.push(json!({"type": "content_block_stop", "index": 0}));
        events.push(json!({"type": "content_block_start", "index": 1,
            "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}}));
        events.extend(arguments.chars().map(|char| json!({"type": "content_block_delta", "index": 1,
            "delta": {"type": "input_json_delta", "partial_json": char.to_string()}})));
        events.push(json!({"type": "content_block_stop", "index": 1}));
        events.push(json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}}));
        events.push(json!({"type": "message_stop"}));
        let events = events.iter().fold(String::new(), |events, event| events + &format!("event: x\ndata: {event}\n\n"));
        let made = stream(&events, size);
        let chunks: Vec<Value> = made.split_terminator("\n\n").filter_map(|event| {
            serde_json::from_str(event.strip_prefix("data: ")?).ok()
        }).collect();
        let all = |pointer: &str| -> String {
            chunks.iter().filter_map(|chunk| chunk.pointer(pointer)?.as_str()).collect()
        };
        prop_assert_eq!(all("/choices/0/delta/content"), texts.concat());
        prop_assert_eq!(all("/choices/0/delta/tool_calls/0/function/arguments"), arguments);
        prop_assert_eq!(&chunks.last().unwrap()["usage"]["completion_tokens"], &json!(9));
        prop_assert!(made.ends_with("data: [DONE]\n\n"));
    }
}
