//! Any request is refused or translated, any answer is read or told to be none, and any stream, cut anywhere, gives the
//! same events. What is made of each is JSON, whatever came.

#![no_main]

use flotilla_crds::router_config::Provider;
use flotilla_router::dialect;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;

fuzz_target!(|input: (u16, u8, &[u8])| {
    let (seed, kind, bytes) = input;
    let translation = dialect::of(Provider::Anthropic).translation.unwrap();
    let is_json = |bytes: &[u8]| assert!(serde_json::from_slice::<Value>(bytes).is_ok());
    match kind % 4 {
        0 => {
            let model = RawValue::from_string("\"m\"".to_owned()).unwrap();
            if let Ok(request) = (translation.request)(bytes, &model) {
                let made: Value = serde_json::from_slice(&request).unwrap();
                assert_eq!(made["model"], "m");
                assert!(made["max_tokens"].is_u64() && !made["messages"].as_array().unwrap().is_empty());
            }
        }
        1 => {
            if let Some(answer) = (translation.answer)(bytes, 1) {
                is_json(&answer);
            }
        }
        2 => is_json(&(translation.error)(bytes)),
        _ => {
            let decode = |sizes: &mut dyn FnMut() -> usize| {
                let (mut decoder, mut out, mut rest) = ((translation.stream)(1), Vec::new(), bytes);
                while !rest.is_empty() {
                    let (piece, more) = rest.split_at(sizes().clamp(1, rest.len()));
                    decoder.push(piece, &mut out);
                    rest = more;
                }
                out
            };
            let whole = decode(&mut || usize::MAX);
            let mut state = u32::from(seed);
            let mut cuts = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                usize::try_from(state >> 24).unwrap() % 40 + 1
            };
            assert_eq!(decode(&mut cuts), whole);
            for event in std::str::from_utf8(&whole).unwrap().split_terminator("\n\n") {
                match event.strip_prefix("data: ") {
                    Some("[DONE]") => {}
                    Some(data) => is_json(data.as_bytes()),
                    None => assert_eq!(event, ": ping"),
                }
            }
        }
    }
});
