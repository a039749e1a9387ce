//! What would become of a request now, without sending it.
//!
//! The same code decides as for a real one. Nothing is taken from limits, budgets or the sequence of draws, and a
//! session's classes are read, not added to.

use crate::budget::{Estimate, unpaid};
use crate::error::{Code, Rejection};
use crate::request::{self, Operation};
use crate::route::{self, Facts, Reason, Standing};
use crate::serve;
use crate::snapshot::{BackendIndex, Policy, Side, Snapshot};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// Draws that shares are told from: a tenth of a percent each.
const DRAWS: u32 = 1000;

/// The decision, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The model asked for.
    pub model: String,
    /// The policy that decides.
    pub policy: String,
    /// Whose the request is, if the policy has clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The prompt's length, by estimate.
    pub prompt_tokens: u32,
    /// The data classes of the request.
    pub data_classes: Vec<String>,
    /// The rule that gives the route; `default` if none matches. Absent if there is no route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where it may go, the likeliest first. Empty if it is refused.
    pub ways: Vec<Way>,
    /// The answer if it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// The targets of all ways.
    pub targets: Vec<Target>,
    /// How it came about.
    pub reasons: Vec<String>,
}

/// One outcome of the draw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// In percent of such requests.
    pub percent: f64,
    /// Backends, in the order in which they are tried.
    pub targets: Vec<String>,
}

/// An error of the router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// What the client would read.
    pub message: String,
}

/// A backend that may answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its name in the policy.
    pub backend: String,
    /// Whether the request stays in the cluster there.
    pub in_cluster: bool,
    /// USD that it reserves there in budgets: for the prompt, and for the longest answer that it asks for.
    pub reserves_usd: String,
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        let code = rejection.code;
        Self { status: code.status().as_u16(), code: code.name().to_owned(), message: rejection.message }
    }
}

/// Explains a request with these headers and this body.
///
/// # Errors
/// It is no request, or no policy claims its model.
pub fn explain(
    snapshot: &Snapshot,
    operation: Operation,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Explanation, Rejection> {
    let peek = operation.peek(body).map_err(|error| serve::unpeeked(&error))?;
    let served = snapshot.served(&peek.model).ok_or_else(|| serve::model_not_found(&peek.model))?;
    let policy = &served.policy;
    let session = request::session(headers);
    let (mut classes, mut reasons) = serve::classes(policy, headers, body, None);
    for class in session.map(|session| policy.sticky.known(session)).unwrap_or_default() {
        if !classes.contains(&class) {
            classes.push(class.clone());
            reasons.push(Reason::SessionClass(class));
        }
    }
    let mut explanation = Explanation {
        model: peek.model.clone(),
        policy: policy.name.clone(),
        client: None,
        prompt_tokens: peek.prompt_tokens,
        data_classes: classes.clone(),
        rule: None,
        ways: Vec::new(),
        refused: None,
        targets: Vec::new(),
        reasons: Vec::new(),
    };
    if let Some(clients) = &policy.clients {
        let Some(client) = clients.find(headers) else {
            let message = "this policy is for clients with a key, and the request has none of these";
            explanation.refused = Some(Rejection::new(Code::InvalidApiKey, message).into());
            return Ok(explanation);
        };
        explanation.client = Some(client.name.clone());
    }
    let estimate = Estimate::of(&peek);
    let unpaid = unpaid(policy, explanation.client.as_deref(), estimate);
    let facts = Facts {
        prompt_tokens: peek.longest_input,
        classes: &classes,
        adapter: served.adapter.as_deref(),
        session,
        unpaid: &unpaid,
    };
    match draw(policy, &facts) {
        Ok((rule, ways, planned)) => {
            let name = |index: usize| policy.rules.get(index).map(|rule| rule.name.clone());
            explanation.rule = Some(rule.and_then(name).unwrap_or_else(|| "default".to_owned()));
            explanation.targets = targets(policy, &ways, estimate);
            explanation.ways = ways.into_iter().map(|way| in_words(policy, way)).collect();
            reasons.extend(planned);
        }
        Err(refusal) => {
            explanation.refused = Some(serve::refused(policy, &refusal, operation).into());
            reasons.extend(refusal.reasons);
        }
    }
    explanation.reasons = reasons.iter().map(|reason| reason.describe(policy).to_string()).collect();
    Ok(explanation)
}

/// How many draws lead to which targets.
type Drawn = (u32, Vec<BackendIndex>);

/// The rule, every outcome of the draw, and the reasons that do not depend on it.
fn draw(
    policy: &Policy,
    facts: &Facts<'_>,
) -> Result<(route::RuleIndex, Vec<Drawn>, Vec<Reason>), route::Refusal> {
    let now = Instant::now();
    let standing = |target: BackendIndex| {
        policy.backends.get(target).map_or(Standing::Good, |backend| backend.standing(now))
    };
    let (mut ways, mut rule, mut reasons): (Vec<Drawn>, _, _) = (Vec::new(), None, Vec::new());
    for number in 0..DRAWS {
        let plan = route::plan(policy, facts, (f64::from(number) + 0.5) / f64::from(DRAWS), standing)?;
        match ways.iter_mut().find(|(_, targets)| *targets == plan.targets) {
            Some((count, _)) => *count += 1,
            None => ways.push((1, plan.targets)),
        }
        (rule, reasons) = (plan.rule, plan.reasons);
    }
    reasons.retain(|reason| !matches!(reason, Reason::Drawn { by_session: false, .. }));
    ways.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    Ok((rule, ways, reasons))
}

fn in_words(policy: &Policy, (count, targets): Drawn) -> Way {
    let name = |target: &BackendIndex| policy.backends.get(*target).map(|backend| backend.name.clone());
    Way {
        percent: f64::from(count) * 100.0 / f64::from(DRAWS),
        targets: targets.iter().filter_map(name).collect(),
    }
}

fn targets(policy: &Policy, ways: &[Drawn], estimate: Estimate) -> Vec<Target> {
    let mut seen: Vec<BackendIndex> = Vec::new();
    for target in ways.iter().flat_map(|(_, targets)| targets) {
        if !seen.contains(target) {
            seen.push(*target);
        }
    }
    let backends = seen.into_iter().filter_map(|target| policy.backends.get(target));
    backends
        .map(|backend| Target {
            backend: backend.name.clone(),
            in_cluster: backend.side == Side::InCluster,
            reserves_usd: estimate.cost_at(backend).to_string(),
        })
        .collect()
}
