//! The patterns of a policy.

use flotilla_crds::router_config::Pattern;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// What the compiled patterns of one policy may take together, in bytes.
const AT_MOST: usize = 4 * 1024 * 1024;

/// Why a policy's patterns are refused.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// Not a regular expression of this syntax, or too large.
    #[error("{0}")]
    Syntax(#[from] regex::Error),
    /// It would hold for every request.
    #[error("pattern {0:?} matches the empty text, so that every request would have its class")]
    Empty(String),
    /// The words of the detectors cannot be compiled; a fault of the router.
    #[error("the detectors cannot be compiled")]
    Words,
}

/// All of them, compiled. They see bytes: `\d`, `\w` and `\b` are those of ASCII, which is what keeps them fast.
#[derive(Debug)]
pub(super) struct Patterns {
    /// Whether there is any: this one can skip to what patterns begin with.
    any: Regex,
    /// Which.
    each: RegexSet,
}

impl Patterns {
    /// Compiles patterns; `None` if there are none.
    pub(super) fn new(patterns: &[Pattern]) -> Result<Option<Self>, PatternError> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let texts = || patterns.iter().map(|pattern| pattern.pattern.as_str());
        let each = RegexSetBuilder::new(texts()).unicode(false).size_limit(AT_MOST).build()?;
        if let Some(empty) = each.matches(b"").iter().next().and_then(|index| patterns.get(index)) {
            return Err(PatternError::Empty(empty.name.clone()));
        }
        let any = texts().map(|text| format!("(?:{text})")).collect::<Vec<_>>().join("|");
        Ok(Some(Self { any: RegexBuilder::new(&any).unicode(false).size_limit(AT_MOST).build()?, each }))
    }

    /// Whether any of them is in a text.
    pub(super) fn any(&self, text: &[u8]) -> bool {
        self.any.is_match(text)
    }

    /// The places of those that are.
    pub(super) fn matches(&self, text: &[u8]) -> Vec<usize> {
        self.each.matches(text).iter().collect()
    }
}
