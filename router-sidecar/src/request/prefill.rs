//! The request that asks another engine to go on with an answer: what was sent becomes the beginning of its own.

use bytes::Bytes;
use serde_json::{Map, Value, json};

/// Fields with a grammar, besides `response_format`: vLLM's since it has one name for them, SGLang's, llama.cpp's.
const GRAMMARS: [&str; 6] =
    ["structured_outputs", "structural_tag", "regex", "ebnf", "json_schema", "grammar"];

/// What vLLM's own began with before.
const GUIDED: &str = "guided_";

/// The body of a request that goes on after `sent`, of which `pieces` tokens are taken from its limit. `None` if the
/// request is of a kind that cannot be continued, or nothing is left to generate.
///
/// vLLM and SGLang need `continue_final_message`, and with it no new turn; llama.cpp goes on with a last message of
/// the assistant by itself. Grammars begin anew with the continuation and would refuse it.
pub fn prefill(body: &[u8], sent: &str, pieces: u64) -> Option<Bytes> {
    let Ok(Value::Object(mut request)) = serde_json::from_slice(body) else {
        return None;
    };
    if has_grammar(&request) || !is_plain(&request) {
        return None;
    }
    let messages = request.get_mut("messages")?.as_array_mut()?;
    if messages.last()?["role"] == "assistant" {
        return None;
    }
    messages.push(json!({"role": "assistant", "content": sent}));
    lower(&mut request, "max_tokens", pieces)?;
    lower(&mut request, "max_completion_tokens", pieces)?;
    request.insert("continue_final_message".to_owned(), true.into());
    request.insert("add_generation_prompt".to_owned(), false.into());
    // A value that was just read has a JSON form.
    serde_json::to_vec(&request).ok().map(Bytes::from)
}

/// Whether the form of the answer is given.
fn has_grammar(request: &Map<String, Value>) -> bool {
    let is_text = |format: &Value| format.is_null() || format["type"] == "text";
    !request.get("response_format").is_none_or(is_text)
        || request.iter().any(|(field, value)| {
            !value.is_null() && (field.starts_with(GUIDED) || GRAMMARS.contains(&field.as_str()))
        })
}

/// Whether the answer is one text that nobody looks at token by token, without a part of the prompt before it.
fn is_plain(request: &Map<String, Value>) -> bool {
    let one = |n: &Value| n.is_null() || *n == 1;
    let off = |flag: &Value| flag.is_null() || *flag == false;
    let free = |choice: &Value| choice.is_null() || *choice == "auto" || *choice == "none";
    ["n", "best_of"].iter().all(|field| request.get(*field).is_none_or(one))
        && ["logprobs", "echo", "use_beam_search"].iter().all(|field| request.get(*field).is_none_or(off))
        && request.get("tool_choice").is_none_or(free)
}

/// Takes what was generated from a limit; `None` if nothing is left of it.
fn lower(request: &mut Map<String, Value>, field: &str, by: u64) -> Option<()> {
    if let Some(limit) = request.get(field).and_then(Value::as_u64) {
        let left = limit.checked_sub(by).filter(|left| *left > 0)?;
        request.insert(field.to_owned(), left.into());
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(body: &str) -> Option<Value> {
        prefill(body.as_bytes(), "Once upon", 2).map(|body| serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn what_was_sent_becomes_the_beginning_of_the_answer() {
        let body = r#"{"model":"m","stream":true,"max_tokens":10,"future":{"x":1},"messages":[{"role":"user","content":"hi"}]}"#;
        assert_eq!(
            after(body).unwrap(),
            json!({
                "model": "m", "stream": true, "max_tokens": 8, "future": {"x": 1},
                "continue_final_message": true, "add_generation_prompt": false,
                "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Once upon"}],
            })
        );
    }

    #[test]
    fn what_cannot_be_continued_is_not() {
        let with =
            |more: &str| format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}]{more}}}"#);
        assert!(
            after(&with(r#","n":1,"logprobs":false,"tool_choice":"auto","response_format":{"type":"text"}"#))
                .is_some()
        );
        assert!(after(&with(r#","guided_json":null,"grammar":null,"regex":null,"echo":false"#)).is_some());
        for more in [
            r#","n":2"#,
            r#","max_tokens":2"#,
            r#","max_completion_tokens":1"#,
            r#","logprobs":true"#,
            r#","tool_choice":"required""#,
            r#","response_format":{"type":"json_object"}"#,
            // vLLM, before and since it has one name for them.
            r#","guided_json":{"type":"object"}"#,
            r#","guided_choice":["a","b"]"#,
            r#","structured_outputs":{"regex":"[a-z]+"}"#,
            // SGLang.
            r#","regex":"[a-z]+""#,
            r#","ebnf":"root ::= 'a'""#,
            r#","json_schema":"{}""#,
            // llama.cpp.
            r#","grammar":"root ::= 'a'""#,
            // What was sent would come once more.
            r#","echo":true"#,
            r#","best_of":2"#,
            r#","use_beam_search":true"#,
        ] {
            assert!(after(&with(more)).is_none(), "{more}");
        }
        for body in ["[]", "{}", r#"{"messages":[]}"#, r#"{"messages":[{"role":"assistant","content":"I"}]}"#]
        {
            assert!(after(body).is_none(), "{body}");
        }
    }
}
