//! The shape of the config: its schema, its JSON, and every mistake with its message.

use crate::rig::config;
use flotilla_crds::router_config::{ROUTER_CONFIG_VERSION, RouterConfig};
use flotilla_router::account::Metrics;
use flotilla_router::snapshot::Store;
use flotilla_router::source::file;
use std::path::Path;
use std::sync::Arc;

/// Every field there is.
const FULL: &str = r#"
backends:
- name: fleet
  concurrency: {maxRequests: 8, maxQueued: 100, queueTimeoutMs: 5000}
  fleet:
    {model: llama-3b, contextWindow: 8192, endpoints: [{address: "10.244.1.7:8080"}],
     spill: {backend: api, state: Saturated, percent: 40}}
- {name: broken, unavailable: there is no ModelDeployment llama-70b, fleet: {model: llama-70b}}
- name: api
  external:
    baseUrl: https://api.example/v1
    model: gpt-4o
    credentials: {apiKey: sk-1}
    pricing: {input: "2.50", output: "10.00", cachedInput: "1.25"}
    contextWindow: 128000
- {name: claude, external: {provider: Anthropic, model: claude, credentials: {apiKey: sk-1}}}
rules:
- name: phi
  match: {dataClasses: [PHI]}
  route: {backends: [{name: fleet, weight: 100}]}
  boundary: InCluster
- name: long
  match: {promptTokens: {moreThan: 6000, atMost: 100000}}
  route: {backends: [{name: api}], fallback: [fleet]}
default: {backends: [{name: fleet, weight: 95}, {name: api, weight: 5}], fallback: [api], hedge: true, continuation: true}
sensitivity:
  header: x-data-class
  failClosed: true
  detectors: [SSN, CreditCard, IBAN, MRN, Email, Phone, ICD10]
  patterns: [{name: employee, pattern: 'EMP-\d{6}', dataClass: HR}, {name: ward, pattern: 'ward \d'}]
  onDetect: PHI
budgets:
- {name: daily, per: Day, usd: '50', onExceeded: FleetOnly, leased: true}
- {name: team, per: Minute, tokens: 100000, backends: [api], perClient: true}
clients:
  keys: [{name: team-a, sha256: aa00bb11cc22dd33ee44ff5566778899aa00bb11cc22dd33ee44ff5566778899}]
  limits: {requestsPerMinute: 600, tokensPerMinute: 100000}
timeouts: {firstTokenMs: 60000, idleMs: 60000, totalMs: 600000}
retries: {budgetPercent: 10, minPerSecond: 5, onAuth: true}
ejection: {consecutiveFailures: 3, failurePercent: 40, minRequests: 10, baseMs: 5000, maxMs: 60000}
"#;

#[test]
fn the_json_of_a_config_is_stable_and_reads_back_as_it_was() {
    let parsed = file::parse(&config(FULL)).unwrap();
    let built = RouterConfig::new(parsed.policies);
    insta::assert_json_snapshot!("router_config", built);
    let json = serde_json::to_string(&built).unwrap();
    assert_eq!(serde_json::from_str::<RouterConfig>(&json).unwrap(), built);
    assert_eq!(file::parse(&json).unwrap(), built);
}

/// `UPDATE=1 cargo test -p flotilla-router contract` writes the file anew.
#[test]
fn the_schema_in_docs_is_the_schema_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/router-config.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(RouterConfig)).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == schema, "docs/router-config.schema.json is stale: run this test with UPDATE=1");
}

/// Every example in the documentation is a config that this router takes.
#[test]
fn the_examples_in_docs_are_configs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/router-config.md");
    let text = std::fs::read_to_string(path).unwrap();
    let examples: Vec<_> =
        text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!examples.is_empty());
    for example in examples {
        // Keys come from the reader's environment.
        let example = example.replace("{env: OPENAI_API_KEY}", "{apiKey: sk-1}");
        Store::new(Arc::new(Metrics::new().unwrap())).apply(&file::parse(&example).unwrap()).unwrap();
    }
    for code in flotilla_router::error::Code::ALL {
        let row = format!("| `{}` | {} |", code.name(), code.status().as_u16());
        assert!(text.contains(&row), "docs/router-config.md lacks {row}");
    }
}

/// Makes one mistake in a good file.
type Edit = Box<dyn Fn(&str) -> String>;

#[test]
fn each_mistake_is_refused_with_what_to_change() {
    let second = |name: &str, model: &str| {
        format!(
            "\n- {{name: {name}, models: [{model}], backends: [{{name: f, fleet: {{model: m}}}}], default: {{backends: [{{name: f}}]}}}}"
        )
    };
    let append = |more: String| move |text: &str| format!("{}{more}", text.trim_end());
    let replace = |from: &'static str, to: &'static str| {
        move |text: &str| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        }
    };
    let cases: Vec<(Edit, &str)> = vec![
        (Box::new(replace(ROUTER_CONFIG_VERSION, "flotilla.dev/router/v9")), "this router reads only"),
        (Box::new(append(second("team/assistant", "other"))), "two policies named"),
        (
            Box::new(append(second("team/other", "assistant"))),
            "claimed by policy \"team/assistant\" and by policy \"team/other\"",
        ),
        (Box::new(append(second("team/other", ""))), "has no models"),
        (Box::new(replace("name: broken", "name: fleet")), "two backends named \"fleet\""),
        (Box::new(replace("name: long", "name: phi")), "two rules named \"phi\""),
        (Box::new(replace("name: long", "name: default")), "cannot be named \"default\""),
        (
            Box::new(replace("fallback: [fleet]", "fallback: [flete]")),
            "long: there is no backend named \"flete\" in this policy; there are api, broken, claude, fleet",
        ),
        (
            Box::new(replace("name: fleet, weight: 100", "name: fleet, weight: 0")),
            "phi: the weights sum to zero",
        ),
        (
            Box::new(replace("{name: api, weight: 5}", "{name: fleet, weight: 5}")),
            "default: backend \"fleet\" is listed twice",
        ),
        (
            Box::new(replace("fallback: [api]", "fallback: [api, api]")),
            "default: backend \"api\" is listed twice",
        ),
        (
            Box::new(replace("moreThan: 6000, atMost: 100000", "moreThan: 6000, atMost: 6000")),
            "promptTokens needs",
        ),
        (Box::new(replace("moreThan: 6000, atMost: 100000", "")), "promptTokens needs"),
        (Box::new(replace("https://api.example/v1", "api.example/v1")), "no absolute address"),
        (Box::new(replace("provider: Anthropic, ", "")), "baseUrl is missing: give it, or name the provider"),
        (Box::new(replace("https://api.example/v1", "ftp://api.example/v1")), "has scheme \"ftp\""),
        (
            Box::new(replace("https://api.example/v1", "https://u:p@api.example/v1")),
            "has a query or a user name",
        ),
        (
            Box::new(replace("spill: {backend: api", "spill: {backend: fleet")),
            "is no other backend of this policy",
        ),
        (Box::new(replace("percent: 40", "percent: 0")), "spill.percent is 0"),
        (Box::new(replace("10.244.1.7:8080", "pod-7")), "\"pod-7\" is not ip:port"),
        (Box::new(replace("input: \"2.50\"", "input: \"2,50\"")), "pricing.input: \"2,50\" is not an amount"),
        (
            Box::new(replace("{apiKey: sk-1}", "{env: FLOTILLA_NO_SUCH_VARIABLE}")),
            "FLOTILLA_NO_SUCH_VARIABLE\" is not set",
        ),
        (Box::new(replace("{apiKey: sk-1}", "{apiKey: \"\"}")), "the key is empty"),
        (Box::new(replace("x-data-class", "x data class")), "is no header name"),
        (Box::new(replace("idleMs: 60000", "idleMs: 0")), "timeouts.idleMs is 0"),
        (Box::new(replace("failClosed", "failclosed")), "failclosed"),
        (Box::new(replace("sha256: aa00", "sha256: aa0")), "sha256 of \"team-a\" must be 64"),
        (
            Box::new(replace("tokensPerMinute: 100000", "tokensPerMinute: 0")),
            "clients.limits.tokensPerMinute is 0",
        ),
        (Box::new(replace("usd: '50'", "usd: '0'")), "budget \"daily\": it is 0"),
        (Box::new(replace("usd: '50', ", "")), "set exactly one of usd and tokens"),
        (Box::new(replace("usd: '50', ", "usd: '50', backends: [api], ")), "leave backends out"),
        (Box::new(replace("name: team, per", "name: daily, per")), "there are two of this name"),
        (
            Box::new(replace("backends: [api], perClient", "backends: [apo], perClient")),
            "no backend named \"apo\"",
        ),
        (Box::new(replace("onDetect: PHI", "onDetect: ''")), "what is found has no class"),
        (Box::new(replace("SSN, ", "Ssn, ")), "Ssn"),
        (Box::new(replace("'ward ", "'ward ( ")), "unclosed group"),
        (Box::new(replace(r"'ward \d'", "'x*'")), "pattern \"ward\" matches the empty text"),
    ];
    let good = config(FULL);
    let store = Store::new(Arc::new(Metrics::new().unwrap()));
    store.apply(&file::parse(&good).unwrap()).unwrap();
    for (edit, message) in cases {
        let edited = edit(&good);
        let error = file::parse(&edited).and_then(|parsed| store.apply(&parsed)).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} does not say {message:?}");
        assert!(!error.contains("sk-1"), "{error}");
        assert!(store.current().is_some());
    }
}
