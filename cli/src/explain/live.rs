//! A router that answers for itself.

use super::question::Question;
use crate::error::CliError;
use flotilla_router::explain::Explanation;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;

/// For the whole exchange.
const DEADLINE: Duration = Duration::from_secs(10);

/// Asks the router at an address.
pub(super) fn ask(url: &str, question: &Question) -> Result<Explanation, CliError> {
    let failed = |reason: String| CliError::Router { url: url.to_owned(), reason };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let exchange = exchange(url, question);
    let answer = runtime.block_on(async { tokio::time::timeout(DEADLINE, exchange).await });
    let (status, body) = answer
        .map_err(|_| failed(format!("no answer within {} s", DEADLINE.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if !status.is_success() {
        return Err(failed(format!("{status}: {}", String::from_utf8_lossy(&body))));
    }
    serde_json::from_slice(&body).map_err(|error| failed(format!("its answer is no explanation: {error}")))
}

async fn exchange(
    url: &str,
    question: &Question,
) -> Result<(http::StatusCode, bytes::Bytes), Box<dyn std::error::Error>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<bytes::Bytes>>();
    let mut request =
        Request::post(format!("{}/explain", url.trim_end_matches('/'))).body(question.body.clone().into())?;
    request.headers_mut().extend(question.headers.clone());
    let (parts, body) = client.request(request).await?.into_parts();
    Ok((parts.status, body.collect().await?.to_bytes()))
}
