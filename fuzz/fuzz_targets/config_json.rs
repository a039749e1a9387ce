//! Any bytes as a config.json: an answer, and dimensions that can be estimated or are refused.
#![no_main]

use flotilla_fuzz::decide::sizing::{Quantization, Request, estimate};
use flotilla_fuzz::model_file::config_json;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|json: &[u8]| {
    if let Ok(facts) = config_json::parse(json) {
        let _ = estimate(&Request::new(&facts.architecture, Quantization::Q4_K_M, 4096));
    }
});
