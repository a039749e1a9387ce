//! `gpus`, `presets`, `completion`, `--help`.

use super::flotilla;
use serde_json::Value;

#[test]
fn gpus_are_listed_for_people_and_programs() {
    let (table, json) = (flotilla("gpus"), flotilla("gpus --json").json());
    let gpus = json.as_array().unwrap();
    assert!(gpus.len() >= 40);
    let priced = |gpu: &&Value| !gpu["pricePerHourUSD"].is_null() || !gpu["launchPriceUSD"].is_null();
    assert!(gpus.iter().filter(priced).count() >= 40);
    for gpu in gpus {
        assert!(table.stdout.contains(gpu["name"].as_str().unwrap()), "{gpu}");
        assert!(gpu["usableBytes"].as_u64() < gpu["memoryBytes"].as_u64(), "{gpu}");
        assert_eq!(gpu["pricePerHourUSD"].is_null(), gpu["priceSource"].is_null(), "a price has its source");
        assert_eq!(gpu["launchPriceUSD"].is_null(), gpu["launchPriceSource"].is_null());
    }
}

#[test]
fn presets_are_listed_for_people_and_programs() {
    let (table, json) = (flotilla("presets"), flotilla("presets -o json").json());
    for preset in json.as_array().unwrap() {
        assert!(table.stdout.contains(preset["name"].as_str().unwrap()), "{preset}");
    }
}

#[test]
fn completions_know_the_flags() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = flotilla(&format!("completion {shell}"));
        assert_eq!(ended.code, 0);
        for word in ["kubectl-flotilla", "kv-cache", "presets"] {
            assert!(ended.stdout.contains(word), "{word} for {shell}");
        }
    }
    flotilla("completion csh").refused(&["csh", "bash"]);
}

#[test]
fn help_and_version_are_no_errors() {
    for line in ["--help", "help", "size --help", "size -h", "--version"] {
        let ended = flotilla(line);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{line}");
        assert!(!ended.stdout.is_empty());
    }
    assert!(flotilla("size --help").stdout.contains("Exit codes: 0"));
}
