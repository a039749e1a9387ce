//! Letting a request in, and what it turns out to have taken.

use super::keys::{Client, Clients};
use super::limiter::Standing;
use crate::error::{Code, Rejection};
use http::HeaderMap;
use std::sync::Arc;
use std::time::Instant;

/// A request that was let in, or kept out by its client's limits.
#[derive(Debug)]
pub struct Admission {
    /// Whose it is.
    pub client: Arc<Client>,
    /// What is left.
    pub standing: Standing,
    /// Tokens taken beforehand.
    taken: u64,
}

impl Admission {
    /// The request has used so many tokens.
    pub fn settle(&self, used: u64) {
        self.client.limiter.settle(self.taken, used);
    }
}

/// Finds whose a request of so many tokens is, and takes it out of the client's limits. The rejection says why it may
/// not go on.
///
/// # Errors
/// No client of the policy has the key.
pub fn admit(
    clients: &Clients,
    headers: &HeaderMap,
    tokens: u64,
    now: Instant,
) -> Result<(Admission, Option<Rejection>), Rejection> {
    let Some(client) = clients.find(headers) else {
        let message = "this policy is for clients with a key: send it as \"Authorization: Bearer KEY\"";
        return Err(Rejection::new(Code::InvalidApiKey, message));
    };
    let (standing, wait) = client.limiter.admit(client.limits, tokens, now);
    let taken = if wait.is_none() { tokens } else { 0 };
    let admission = Admission { client: Arc::clone(client), standing, taken };
    let rejection = wait.map(|wait| {
        let message = format!("client {:?} has used up its limit of this minute", client.name);
        Rejection::new(Code::RateLimitExceeded, message).retry_after(wait)
    });
    Ok((admission, rejection))
}
