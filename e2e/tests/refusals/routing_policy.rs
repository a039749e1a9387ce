//! Rows for `RoutingPolicy`.

use super::{Row, refused, taken};
use serde_json::{Value, json};

pub const POLICY: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: RoutingPolicy
metadata: {name: split}
spec:
  models: [assistant]
  backends:
  - {name: fleet, modelDeploymentRef: {name: llama}}
  - name: out
    external:
      baseURL: https://api.example.com/v1
      model: large
      credentialsRef: {name: provider}
      pricing: {input: '2.50', output: '10.00'}
  default: {backends: [{name: fleet, weight: 95}, {name: out, weight: 5}], fallback: [out]}
  attach: {selector: {matchLabels: {app: chat}}}
";

fn spec(patch: Value) -> Value {
    json!({"spec": patch})
}

fn rule(rule: Value) -> Value {
    let mut whole = json!({"name": "rule", "match": {"dataClasses": ["PHI"]}, "route": {"backends": [{"name": "fleet"}]}});
    super::merge(&mut whole, &rule);
    spec(json!({"rules": [whole]}))
}

fn matching(condition: Value) -> Value {
    rule(json!({"match": {"dataClasses": null, "promptTokens": condition}}))
}

fn external(change: Value) -> Value {
    let mut external = json!({"baseURL": "https://api.example.com/v1", "model": "large"});
    super::merge(&mut external, &change);
    spec(
        json!({"backends": [{"name": "fleet", "modelDeploymentRef": {"name": "llama"}}, {"name": "out", "external": external}]}),
    )
}

fn base_url(url: &str) -> Value {
    external(json!({"baseURL": url}))
}

fn default(route: Value) -> Value {
    spec(json!({"default": route}))
}

fn timeout(name: &str, value: &str) -> Value {
    spec(json!({"timeouts": {name: value}}))
}

pub fn rows() -> Vec<Row> {
    [whole(), sensitivity(), clients_and_budgets(), backends(), rules(), spill(), timeouts(), resilience()]
        .into_iter()
        .flatten()
        .collect()
}

fn whole() -> Vec<Row> {
    let name = |name: String| json!({"metadata": {"name": name}});
    vec![
        taken(POLICY, "the base", json!({})),
        taken(POLICY, "the longest name", name(format!("a{}", "b".repeat(51)))),
        refused(
            POLICY,
            "a name too long",
            name(format!("a{}", "b".repeat(52))),
            "metadata.name becomes part of a Service's name",
        ),
        refused(
            POLICY,
            "no routers",
            spec(json!({"attach": null})),
            "set spec.attach.selector for sidecars, spec.gateway",
        ),
        taken(POLICY, "a gateway only", spec(json!({"attach": null, "gateway": {"replicas": 2}}))),
        refused(
            POLICY,
            "every pod",
            spec(json!({"attach": {"selector": {"matchLabels": null}}})),
            "matchLabels",
        ),
        refused(
            POLICY,
            "every pod, by an empty selector",
            spec(json!({"attach": {"selector": {"matchLabels": {"app": null}}}})),
            "should have at least 1 properties",
        ),
        refused(POLICY, "no models", spec(json!({"models": []})), "should have at least 1 items"),
        refused(POLICY, "a model twice", spec(json!({"models": ["a", "a"]})), "Duplicate value"),
        refused(POLICY, "a model with a blank", spec(json!({"models": ["a b"]})), "spec.models[0]"),
        refused(POLICY, "no default", spec(json!({"default": null})), "spec.default: Required value"),
        refused(
            POLICY,
            "too many gateways",
            spec(json!({"gateway": {"replicas": 101}})),
            "less than or equal to 100",
        ),
        refused(
            POLICY,
            "a header in capitals",
            spec(json!({"sensitivity": {"header": "X-Data-Class"}})),
            "spec.sensitivity.header",
        ),
    ]
}

fn clients_and_budgets() -> Vec<Row> {
    let budget = |change: Value| {
        let mut budget = json!({"name": "daily", "per": "Day", "usd": "50"});
        super::merge(&mut budget, &change);
        json!([budget])
    };
    let limits = |limits: Value| spec(json!({"clientKeys": {"limits": limits}}));
    vec![
        taken(POLICY, "clients without limits", spec(json!({"clientKeys": {}}))),
        taken(
            POLICY,
            "clients with limits",
            limits(json!({"requestsPerMinute": 60, "tokensPerMinute": 10000})),
        ),
        refused(POLICY, "limits of nothing", limits(json!({})), "spec.clientKeys.limits is empty"),
        refused(POLICY, "a limit of zero", limits(json!({"requestsPerMinute": 0})), "requestsPerMinute"),
        taken(
            POLICY,
            "a budget",
            spec(json!({"budgets": budget(json!({"onExceeded": "Fallback", "backends": ["out"]}))})),
        ),
        taken(
            POLICY,
            "a budget for each client",
            spec(
                json!({"clientKeys": {}, "budgets": budget(json!({"usd": null, "tokens": 1000, "perClient": true}))}),
            ),
        ),
        taken(
            POLICY,
            "a budget after which nothing leaves the cluster",
            spec(json!({"budgets": budget(json!({"onExceeded": "FleetOnly"}))})),
        ),
        refused(
            POLICY,
            "the same of some backends",
            spec(json!({"budgets": budget(json!({"onExceeded": "FleetOnly", "backends": ["out"]}))})),
            "leave backends out",
        ),
        refused(
            POLICY,
            "a budget of two units",
            spec(json!({"budgets": budget(json!({"tokens": 5}))})),
            "exactly one of usd and tokens",
        ),
        refused(
            POLICY,
            "a budget per client without clients",
            spec(json!({"budgets": budget(json!({"perClient": true}))})),
            "set spec.clientKeys",
        ),
        refused(
            POLICY,
            "a budget of a backend that there is not",
            spec(json!({"budgets": budget(json!({"backends": ["nowhere"]}))})),
            "not in spec.backends",
        ),
    ]
}

fn sensitivity() -> Vec<Row> {
    let with = |sensitivity: Value| spec(json!({"sensitivity": sensitivity}));
    let pattern = |class: Value| json!([{"name": "staff", "pattern": "EMP-\\d{6}", "dataClass": class}]);
    vec![
        taken(
            POLICY,
            "detectors with a class",
            with(json!({"detectors": ["SSN", "ICD10"], "onDetect": "PHI"})),
        ),
        taken(POLICY, "a pattern with a class of its own", with(json!({"patterns": pattern(json!("HR"))}))),
        taken(
            POLICY,
            "a pattern with the common class",
            with(json!({"patterns": pattern(Value::Null), "onDetect": "HR"})),
        ),
        refused(
            POLICY,
            "detectors without a class",
            with(json!({"detectors": ["SSN"]})),
            "it has no class: set onDetect",
        ),
        refused(
            POLICY,
            "a pattern without a class",
            with(json!({"patterns": pattern(Value::Null)})),
            "set its dataClass",
        ),
        refused(
            POLICY,
            "a detector that there is not",
            with(json!({"detectors": ["Ssn"], "onDetect": "PHI"})),
            "Unsupported value",
        ),
        refused(
            POLICY,
            "one detector twice",
            with(json!({"detectors": ["SSN", "SSN"], "onDetect": "PHI"})),
            "Duplicate value",
        ),
    ]
}

fn spill() -> Vec<Row> {
    let spill = |given: Value| spec(json!({"spill": given}));
    vec![
        taken(POLICY, "spilling in every state", spill(json!({"backend": "out"}))),
        taken(
            POLICY,
            "spilling in some states",
            spill(
                json!({"backend": "out", "when": ["ScaledToZero", "Pending", "Loading", "Saturated", "NoFit", "NoFreeGPU"]}),
            ),
        ),
        refused(
            POLICY,
            "spilling into the fleet",
            spill(json!({"backend": "fleet"})),
            "spec.spill.backend must be the name of an external entry of spec.backends",
        ),
        refused(
            POLICY,
            "spilling to nobody",
            spill(json!({"backend": "nobody"})),
            "spec.spill.backend must be the name of an external entry of spec.backends",
        ),
        refused(
            POLICY,
            "spilling in a state that is none",
            spill(json!({"backend": "out", "when": ["Busy"]})),
            r#"supported values: "ScaledToZero""#,
        ),
        refused(
            POLICY,
            "spilling in a state twice",
            spill(json!({"backend": "out", "when": ["NoFit", "NoFit"]})),
            "Duplicate value",
        ),
    ]
}

fn backends() -> Vec<Row> {
    let only = |backend: Value| {
        spec(json!({"backends": [{"name": "fleet", "modelDeploymentRef": {"name": "llama"}}, backend]}))
    };
    vec![
        refused(
            POLICY,
            "a backend that is nothing",
            only(json!({"name": "out"})),
            "set exactly one of modelDeploymentRef and external",
        ),
        refused(
            POLICY,
            "a backend that is both",
            only(
                json!({"name": "out", "modelDeploymentRef": {"name": "llama"}, "external": {"baseURL": "https://h/v1", "model": "m"}}),
            ),
            "set exactly one of modelDeploymentRef and external",
        ),
        refused(
            POLICY,
            "two of one name",
            spec(
                json!({"backends": [{"name": "fleet", "modelDeploymentRef": {"name": "a"}}, {"name": "fleet", "modelDeploymentRef": {"name": "b"}}]}),
            ),
            "Duplicate value",
        ),
        taken(POLICY, "an aggregator", base_url("https://api.n1n.example:8443/openai/v1")),
        taken(POLICY, "a Service, without TLS", base_url("http://provider.apps.svc/v1")),
        refused(
            POLICY,
            "a host alone",
            base_url("api.example.com/v1"),
            "baseURL must be http://HOST/PATH or https://HOST/PATH",
        ),
        refused(
            POLICY,
            "a key in the URL",
            base_url("https://user:key@api.example.com/v1"),
            "without user, query or fragment",
        ),
        refused(
            POLICY,
            "a query",
            base_url("https://api.example.com/v1?version=2"),
            "without user, query or fragment",
        ),
        refused(
            POLICY,
            "another scheme",
            base_url("ftp://api.example.com/v1"),
            "for example https://api.openai.com/v1",
        ),
        taken(
            POLICY,
            "a provider with an address of its own",
            external(json!({"provider": "Anthropic", "baseURL": null})),
        ),
        refused(
            POLICY,
            "no address at all",
            external(json!({"baseURL": null})),
            "set baseURL, or name its provider",
        ),
        refused(
            POLICY,
            "an unknown provider",
            external(json!({"provider": "Bedrock"})),
            r#"supported values: "OpenAICompatible", "OpenAI", "Anthropic", "DeepSeek", "Mistral""#,
        ),
        refused(POLICY, "no model", external(json!({"model": null})), "external.model: Required value"),
        refused(
            POLICY,
            "a price with an exponent",
            external(json!({"pricing": {"input": "1e3", "output": "1"}})),
            "pricing.input",
        ),
        refused(
            POLICY,
            "half a price",
            external(json!({"pricing": {"input": "1"}})),
            "pricing.output: Required value",
        ),
        refused(
            POLICY,
            "an empty Secret",
            external(json!({"credentialsRef": {"name": ""}})),
            "credentialsRef.name",
        ),
        taken(POLICY, "weight by default", default(json!({"backends": [{"name": "fleet"}]}))),
        taken(
            POLICY,
            "one weight of zero",
            default(json!({"backends": [{"name": "fleet", "weight": 1}, {"name": "out", "weight": 0}]})),
        ),
        refused(
            POLICY,
            "all weights zero",
            default(json!({"backends": [{"name": "fleet", "weight": 0}, {"name": "out", "weight": 0}]})),
            "give one backend a weight above 0",
        ),
        refused(
            POLICY,
            "a weight below zero",
            default(json!({"backends": [{"name": "fleet", "weight": -1}]})),
            "greater than or equal to 0",
        ),
        refused(
            POLICY,
            "an unknown backend",
            default(json!({"backends": [{"name": "fleet-3b"}]})),
            "spec.default.backends names a backend that is not in spec.backends",
        ),
        refused(
            POLICY,
            "an unknown fallback",
            default(json!({"fallback": ["gpt"]})),
            "spec.default.fallback names a backend that is not in spec.backends",
        ),
        refused(POLICY, "a fallback twice", default(json!({"fallback": ["out", "out"]})), "Duplicate value"),
        refused(
            POLICY,
            "a route to nothing",
            default(json!({"backends": []})),
            "should have at least 1 items",
        ),
    ]
}

fn rules() -> Vec<Row> {
    let in_cluster = |change: Value| {
        let mut whole = json!({"boundary": "InCluster"});
        super::merge(&mut whole, &change);
        rule(whole)
    };
    let long = json!({"match": {"promptTokens": {"moreThan": 6000}}});
    vec![
        taken(POLICY, "a rule", rule(json!({}))),
        taken(POLICY, "a boundary", in_cluster(json!({"route": {"fallback": ["fleet"]}}))),
        refused(
            POLICY,
            "out of the boundary",
            in_cluster(json!({"route": {"backends": [{"name": "out"}]}})),
            "a rule with boundary InCluster routes to an external backend",
        ),
        refused(
            POLICY,
            "out of it by a fallback",
            in_cluster(json!({"route": {"fallback": ["fleet", "out"]}})),
            "a rule with boundary InCluster falls back to an external backend",
        ),
        taken(
            POLICY,
            "the same without a boundary",
            rule(json!({"route": {"backends": [{"name": "out"}], "fallback": ["out"]}})),
        ),
        refused(
            POLICY,
            "a boundary for no class",
            in_cluster(json!({"match": {"dataClasses": null, "promptTokens": {"moreThan": 1}}})),
            "name them in the rule's match.dataClasses",
        ),
        taken(POLICY, "a boundary for a class and a length", in_cluster(long.clone())),
        refused(
            POLICY,
            "a rule for everything",
            rule(json!({"match": {"dataClasses": null}})),
            "belongs in spec.default: set match.dataClasses or match.promptTokens",
        ),
        refused(POLICY, "no match", rule(json!({"match": null})), "match: Required value"),
        refused(
            POLICY,
            "an unknown backend",
            rule(json!({"route": {"backends": [{"name": "gpt"}]}})),
            "a rule's route.backends names a backend that is not in spec.backends",
        ),
        refused(
            POLICY,
            "an unknown fallback",
            rule(json!({"route": {"fallback": ["gpt"]}})),
            "a rule's route.fallback names a backend that is not in spec.backends",
        ),
        refused(
            POLICY,
            "all weights zero",
            rule(json!({"route": {"backends": [{"name": "fleet", "weight": 0}]}})),
            "all weights of the route are 0",
        ),
        taken(POLICY, "a range", matching(json!({"moreThan": 10, "atMost": 11}))),
        refused(
            POLICY,
            "an empty range",
            matching(json!({"moreThan": 10, "atMost": 10})),
            "can never hold: moreThan must be below atMost",
        ),
        refused(POLICY, "no range", matching(json!({})), "set moreThan, atMost or both"),
        refused(
            POLICY,
            "an unknown boundary",
            rule(json!({"boundary": "Europe"})),
            r#"supported values: "Anywhere", "InCluster""#,
        ),
        refused(
            POLICY,
            "a class with a blank",
            rule(json!({"match": {"dataClasses": ["P HI"]}})),
            "dataClasses[0]",
        ),
        refused(
            POLICY,
            "two rules of one name",
            spec(json!({"rules": [
                {"name": "a", "match": {"dataClasses": ["PHI"]}, "route": {"backends": [{"name": "fleet"}]}},
                {"name": "a", "match": {"dataClasses": ["PII"]}, "route": {"backends": [{"name": "fleet"}]}},
            ]})),
            "Duplicate value",
        ),
    ]
}

fn timeouts() -> Vec<Row> {
    vec![
        taken(POLICY, "the shortest", timeout("firstToken", "100ms")),
        taken(POLICY, "the longest", timeout("total", "24h")),
        taken(POLICY, "a sum", timeout("idle", "1m30s")),
        refused(
            POLICY,
            "too short",
            timeout("firstToken", "99ms"),
            "spec.timeouts.firstToken must be a duration between 100ms and 1h",
        ),
        refused(
            POLICY,
            "too long",
            timeout("idle", "61m"),
            "spec.timeouts.idle must be a duration between 100ms and 1h",
        ),
        refused(
            POLICY,
            "longer than a day",
            timeout("total", "25h"),
            "spec.timeouts.total must be a duration between 100ms and 24h",
        ),
        refused(POLICY, "without a unit", timeout("total", "600"), "for example 10m"),
    ]
}

fn resilience() -> Vec<Row> {
    let fleet = |concurrency: Value| {
        let backend =
            json!({"name": "fleet", "modelDeploymentRef": {"name": "llama"}, "concurrency": concurrency});
        spec(json!({"backends": [backend], "default": {"backends": [{"name": "fleet"}], "fallback": []}}))
    };
    vec![
        taken(POLICY, "a retry budget", spec(json!({"retries": {"budgetPercent": 0, "onAuth": true}}))),
        taken(POLICY, "an ejection", spec(json!({"ejection": {"baseDuration": "5s", "maxDuration": "1m"}}))),
        taken(POLICY, "a bound", fleet(json!({"maxRequests": 8, "maxQueued": 64, "queueTimeout": "5s"}))),
        refused(
            POLICY,
            "a budget of more than all",
            spec(json!({"retries": {"budgetPercent": 101}})),
            "spec.retries.budgetPercent",
        ),
        refused(
            POLICY,
            "an ejection without a unit",
            spec(json!({"ejection": {"baseDuration": "10"}})),
            "spec.ejection.baseDuration must be a duration between 100ms and 1h",
        ),
        refused(
            POLICY,
            "an ejection for a week",
            spec(json!({"ejection": {"maxDuration": "168h"}})),
            "spec.ejection.maxDuration must be a duration between 100ms and 24h",
        ),
        refused(POLICY, "a bound of nothing", fleet(json!({"maxRequests": 0})), "maxRequests"),
        refused(
            POLICY,
            "a wait without end",
            fleet(json!({"maxRequests": 1, "queueTimeout": "2h"})),
            "concurrency.queueTimeout must be a duration between 1ms and 1h",
        ),
    ]
}
