//! Names of attributes. Those of HTTP are OpenTelemetry's semantic conventions 1.40, those of `gen_ai` the ones for
//! generative AI that became a registry of their own after it; those of `flotilla` are ours.

/// What was asked for: `chat` or `embeddings`.
pub const OPERATION: &str = "gen_ai.operation.name";
/// Who serves the model.
pub const PROVIDER: &str = "gen_ai.provider.name";
/// The model's name in the request: the client's in the span of the request, the target's in that of an attempt.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// Whether the answer was to be streamed.
pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
/// The most tokens that the answer may have.
pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// The answer's own id.
pub const RESPONSE_ID: &str = "gen_ai.response.id";
/// The model as the answer names it.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Why each choice of the answer ended.
pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Seconds to the first content of a stream.
pub const FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
/// Tokens of the prompt, cached ones included.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Of these, tokens that the target had in its cache.
pub const CACHED_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// Tokens of the answer.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";

/// The class of an error, as metrics name it, or a status.
pub const ERROR: &str = "error.type";
/// The method.
pub const METHOD: &str = "http.request.method";
/// The path that was matched.
pub const ROUTE: &str = "http.route";
/// The status of the answer.
pub const STATUS: &str = "http.response.status_code";
/// The target's host or address.
pub const SERVER: &str = "server.address";
/// The target's port.
pub const PORT: &str = "server.port";

/// The policy that decided.
pub const POLICY: &str = "flotilla.policy";
/// The rule that matched, or `default`.
pub const RULE: &str = "flotilla.rule";
/// The backend that answered, or that was tried.
pub const BACKEND: &str = "flotilla.backend";
/// The client, where the policy has keys.
pub const CLIENT: &str = "flotilla.client";
/// The data classes of the request.
pub const DATA_CLASSES: &str = "flotilla.data_classes";
/// Why it went where it went, as the decision record says it.
pub const REASONS: &str = "flotilla.reasons";
/// How the answer ended.
pub const OUTCOME: &str = "flotilla.outcome";
/// What it cost by the policy's pricing, in 10^-9 USD.
pub const COST: &str = "flotilla.cost_nano_usd";
/// What an attempt is to its request.
pub const LEG: &str = "flotilla.leg";
/// Which side of the data boundary an attempt went to.
pub const SIDE: &str = "flotilla.side";
