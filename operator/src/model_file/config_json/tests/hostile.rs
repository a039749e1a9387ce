//! Input from anywhere: an error that says what is wrong, never a panic, never a figure that looks sure.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{ConfigError, MAX_BYTES, Note, parse};
use super::{names, text};
use crate::decide::sizing::{Request, Weights, estimate};

/// A published config with one field replaced.
fn changed(name: &str, field: &str, value: Value) -> Result<super::ConfigFacts, ConfigError> {
    let mut config: Value = serde_json::from_str(&text(name)).unwrap();
    config[field] = value;
    parse(config.to_string().as_bytes())
}

#[test]
fn numbers_that_no_model_has_are_named() {
    let fields =
        ["hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size"];
    for field in fields {
        for value in [json!(0), json!(-1), json!(1.5), json!(1e300), json!(u64::MAX), json!("8"), json!([8])]
        {
            let message = changed("Llama-3.1-8B-Instruct", field, value.clone()).unwrap_err().to_string();
            assert!(message.contains(field), "{field} {value}: {message}");
        }
    }
    let message = changed("Llama-3.1-8B-Instruct", "num_hidden_layers", json!(5000)).unwrap_err().to_string();
    assert_eq!(message, "config.json: layers is 5000; it must be at most 4096");
}

#[test]
fn fields_without_a_default_are_asked_for() {
    for field in
        ["hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size"]
    {
        let error = changed("Llama-3.1-8B-Instruct", field, Value::Null).unwrap_err();
        assert_eq!(error, ConfigError::Missing { field });
    }
    let error = changed("DeepSeek-V3", "v_head_dim", Value::Null).unwrap_err();
    assert_eq!(error, ConfigError::Missing { field: "v_head_dim" });
}

#[test]
fn fields_that_contradict_each_other() {
    let error = changed("granite-4.0-h-tiny", "layer_types", json!(["mamba"])).unwrap_err();
    assert_eq!(error, ConfigError::LayerCount { field: "layer_types", given: 1, layers: 40 });
    let message = changed("Llama-3.1-8B-Instruct", "num_key_value_heads", json!(5)).unwrap_err().to_string();
    assert!(message.contains("not a multiple of kvHeads"), "{message}");
    let message = changed("Llama-3.1-8B-Instruct", "num_attention_heads", json!(24)).unwrap_err().to_string();
    assert!(message.contains("has no head_dim"), "{message}");
    let message = changed("gpt-oss-20b", "num_experts_per_tok", json!(64)).unwrap_err().to_string();
    assert!(message.contains("expertsUsed is 64"), "{message}");
}

#[test]
fn whole_numbers_may_be_written_as_floats() {
    assert_eq!(
        changed("Llama-3.1-8B-Instruct", "hidden_size", json!(4096.0)).unwrap().architecture.hidden,
        4096
    );
}

#[test]
fn an_unknown_architecture_falls_back_and_says_so() {
    let facts = changed("Llama-3.1-8B-Instruct", "architectures", json!(["NovelForCausalLM"])).unwrap();
    assert_eq!(facts.notes, [], "its model_type says what it is");
    let mut config: Value = serde_json::from_str(&text("Llama-3.1-8B-Instruct")).unwrap();
    config["architectures"] = json!(["NovelForCausalLM"]);
    config["model_type"] = json!("novel");
    let facts = parse(config.to_string().as_bytes()).unwrap();
    assert_eq!(facts.notes, [Note::UnknownArchitecture { class: "NovelForCausalLM".to_owned() }]);
    assert!(!facts.architecture.family.is_known());
    let request = Request::new(&facts.architecture, Weights::Checkpoint(facts.format), 4096);
    assert!(estimate(&request).is_err(), "llama.cpp runs no checkpoints");
}

#[test]
fn not_a_config_at_all() {
    for input in
        ["", "null", "[]", "3", "{", "{}", "\u{0}", r#"{"text_config": 3}"#, r#"{"architectures":[3]}"#]
    {
        assert!(parse(input.as_bytes()).is_err(), "{input}");
    }
    assert!(parse(b"\xff\xfe").is_err());
}

#[test]
fn deep_nesting_and_length_are_bounded() {
    let deep = "[".repeat(100_000);
    assert!(matches!(parse(deep.as_bytes()), Err(ConfigError::Json { .. })));
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(1000), "]".repeat(1000));
    assert!(matches!(parse(deep.as_bytes()), Err(ConfigError::Json { .. })));
    let long = vec![b' '; MAX_BYTES + 1];
    assert_eq!(parse(&long), Err(ConfigError::TooLong { bytes: MAX_BYTES + 1 }));
}

/// Any JSON, small numbers and absurd ones.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_u32..300).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z_]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{0,12}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_change_of_a_config_gets_an_answer(
        name in prop::sample::select(names()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), value()), 1..4),
    ) {
        let mut config: Value = serde_json::from_str(&text(&name)).unwrap();
        let object = config.as_object_mut().unwrap();
        for (index, value) in changes {
            let keys: Vec<_> = object.keys().cloned().collect();
            object.insert(index.get(&keys).clone(), value);
        }
        if let Ok(facts) = parse(config.to_string().as_bytes()) {
            prop_assert!(facts.architecture.validate().is_ok());
        }
    }
}
