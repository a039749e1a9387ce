//! What a policy would do with a request.

mod live;
mod offline;
mod question;

use crate::args::ExplainArgs;
use crate::error::CliError;
use crate::input::text;
use flotilla_router::explain::{Explanation, explain as decide};
use flotilla_router::request::Operation;
use flotilla_router::source;
use question::Question;

/// Explains what the arguments ask.
///
/// # Errors
/// Something cannot be read, or is wrong.
pub fn explain(args: &ExplainArgs) -> Result<Explanation, CliError> {
    if let Some(url) = &args.policy.router {
        return live::ask(url, &Question::of(args, None)?);
    }
    let (config, name) = match (&args.policy.manifest, &args.policy.config) {
        (Some(file), _) => (offline::config(file, &text(file)?, &args.client)?, file),
        (None, Some(file)) => {
            let config = source::file::parse(&text(file)?);
            (config.map_err(|error| CliError::Usage(format!("{file}: {error}")))?, file)
        }
        (None, None) => return Err(CliError::Usage("name a policy: -f, --config or --router".to_owned())),
    };
    let snapshot =
        offline::snapshot(&config).map_err(|reason| CliError::Manifest { name: name.clone(), reason })?;
    let model = config.policies.first().and_then(|policy| policy.models.first());
    let mut question = Question::of(args, model.map(String::as_str))?;
    if args.policy.manifest.is_some() {
        question.authorize(offline::CLIENT_KEY);
    }
    decide(&snapshot, Operation::Chat, &question.headers, &question.body)
        .map_err(|rejection| CliError::Usage(rejection.message))
}
