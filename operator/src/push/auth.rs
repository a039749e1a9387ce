//! Who a router is: the pod that its ServiceAccount token is bound to.

use crate::kube_ext::{CALL_DEADLINE, CallError, within};
use flotilla_crds::router_config::TOKEN_AUDIENCE;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::{Api, Client};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Keys of a bound token's extra information, as the API server writes them.
const POD_NAME: &str = "authentication.kubernetes.io/pod-name";
const POD_UID: &str = "authentication.kubernetes.io/pod-uid";

/// A router that proved which pod it runs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterIdentity {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's labels, which decide what it may have.
    pub labels: BTreeMap<String, String>,
}

/// Why a stream is refused.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No bearer token.
    #[error("send the router's ServiceAccount token as bearer")]
    NoToken,
    /// The API server does not accept it for this audience.
    #[error("the token is not valid for audience {TOKEN_AUDIENCE}: {0}")]
    Invalid(String),
    /// It is not bound to a pod, or the pod is another one by now.
    #[error("the token is not bound to a running pod")]
    NotBound,
    /// Too many others are being reviewed.
    #[error("too many tokens are under review; try again")]
    Busy,
    /// The API server could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Tokens under review at once: a crowd of strangers must not become a crowd at the API server.
const REVIEWS: usize = 32;

/// Asks the API server who sent a token.
#[derive(Clone)]
pub struct Authenticator {
    client: Client,
    reviews: Arc<Semaphore>,
}

impl Authenticator {
    /// Uses this client for reviews and for reading pods.
    pub fn new(client: Client) -> Self {
        Self { client, reviews: Arc::new(Semaphore::new(REVIEWS)) }
    }

    /// The pod that the token is bound to, read anew so that its labels are the present ones.
    pub async fn identify(&self, authorization: Option<&str>) -> Result<RouterIdentity, AuthError> {
        let token =
            authorization.and_then(|value| value.strip_prefix("Bearer ")).ok_or(AuthError::NoToken)?;
        let review = TokenReview {
            spec: TokenReviewSpec {
                token: Some(token.to_owned()),
                audiences: Some(vec![TOKEN_AUDIENCE.to_owned()]),
            },
            ..TokenReview::default()
        };
        let _permit =
            tokio::time::timeout(CALL_DEADLINE, self.reviews.acquire()).await.map_err(|_| AuthError::Busy)?;
        let api: Api<TokenReview> = Api::all(self.client.clone());
        let review =
            within(|| "could not review a token".to_owned(), api.create(&PostParams::default(), &review))
                .await?;
        let status = review.status.unwrap_or_default();
        let audience_holds = status.audiences.iter().flatten().any(|audience| audience == TOKEN_AUDIENCE);
        if status.authenticated != Some(true) || !audience_holds {
            return Err(AuthError::Invalid(status.error.unwrap_or_else(|| "not authenticated".to_owned())));
        }
        let (namespace, name, uid) = status.user.as_ref().and_then(bound_pod).ok_or(AuthError::NotBound)?;
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
        let pod = within(|| format!("could not read pod {name}"), pods.get_opt(&name)).await?;
        let pod = pod.filter(|pod| pod.metadata.uid.as_deref() == Some(&uid)).ok_or(AuthError::NotBound)?;
        Ok(RouterIdentity { namespace, pod: name, labels: pod.metadata.labels.unwrap_or_default() })
    }
}

/// Namespace, name and uid of the pod a token is bound to.
fn bound_pod(user: &UserInfo) -> Option<(String, String, String)> {
    let namespace = user.username.as_deref()?.strip_prefix("system:serviceaccount:")?.split(':').next()?;
    let one = |key: &str| user.extra.as_ref()?.get(key)?.first().cloned();
    Some((namespace.to_owned(), one(POD_NAME)?, one(POD_UID)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bound_service_account_tokens_name_a_pod() {
        let user = |username: &str, keys: &[&str]| UserInfo {
            username: Some(username.to_owned()),
            extra: Some(keys.iter().map(|k| ((*k).to_owned(), vec!["x".to_owned()])).collect()),
            ..UserInfo::default()
        };
        let bound = bound_pod(&user("system:serviceaccount:apps:default", &[POD_NAME, POD_UID]));
        assert_eq!(bound, Some(("apps".to_owned(), "x".to_owned(), "x".to_owned())));
        assert_eq!(bound_pod(&user("system:serviceaccount:apps:default", &[POD_NAME])), None);
        assert_eq!(bound_pod(&user("alice", &[POD_NAME, POD_UID])), None);
    }
}
