//! The request that is asked about.

use crate::args::ExplainArgs;
use crate::error::CliError;
use crate::input::text;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::json;

/// Headers and body, as a client would send them.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Question {
    /// The one of the arguments; `model` is what is asked for if they do not say it.
    pub(super) fn of(args: &ExplainArgs, model: Option<&str>) -> Result<Self, CliError> {
        let body = if let Some(file) = &args.request {
            text(file)?.into_bytes()
        } else {
            let missing = || CliError::Usage("say which model is asked for: --model".to_owned());
            let model = args.model.as_deref().or(model).ok_or_else(missing)?;
            let message = json!({"role": "user", "content": args.prompt});
            json!({"model": model, "messages": [message]}).to_string().into_bytes()
        };
        let headers = args.headers.iter().map(|header| parse(header)).collect::<Result<_, _>>()?;
        Ok(Self { headers, body })
    }

    /// With this key, if there is none yet.
    pub(super) fn authorize(&mut self, key: &'static str) {
        self.headers.entry(header::AUTHORIZATION).or_insert(HeaderValue::from_static(key));
    }
}

fn parse(text: &str) -> Result<(HeaderName, HeaderValue), CliError> {
    let wrong = || CliError::Usage(format!("{text:?} is no header; write it as 'x-data-class: PHI'"));
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| wrong())?;
    Ok((name, HeaderValue::try_from(value.trim()).map_err(|_| wrong())?))
}
