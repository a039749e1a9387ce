//! LiteLLM's proxy with one worker: https://docs.litellm.ai/docs/proxy/configs

use super::{Addresses, Peer, at};
use crate::traffic::KEY;
use std::net::SocketAddr;

pub(super) const PEER: Peer = Peer { name: "litellm", streams: false, config: Some(config), args };

fn config(upstream: SocketAddr) -> String {
    format!(
        "model_list:
- model_name: assistant
  litellm_params: {{model: openai/llama-3.2-3b, api_base: \"http://{upstream}/v1\", api_key: none}}
litellm_settings: {{telemetry: false}}
general_settings: {{master_key: {KEY}}}
"
    )
}

fn args(config: &str, addresses: &Addresses) -> Vec<String> {
    let own = ["--config", config, "--num_workers", "1"].map(str::to_owned);
    at(["--host", "--port"], addresses.listen).into_iter().chain(own).collect()
}
