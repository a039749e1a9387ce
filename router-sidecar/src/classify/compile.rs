//! A policy's detectors and patterns, ready to look.

use super::begin::Interests;
use super::context::Words;
use super::detectors::{self, Detector};
use super::patterns::{PatternError, Patterns};
use super::scan::Scan;
use super::{Finding, strings};
use flotilla_crds::router_config::{Detector as Kind, Pattern};
use std::sync::Arc;

/// Finds the classes of requests.
#[derive(Debug)]
pub struct Classifier {
    pub(super) detectors: Vec<&'static Detector>,
    pub(super) interests: Interests,
    pub(super) words: Arc<Words>,
    pub(super) patterns: Option<Patterns>,
    /// For each detector, then for each pattern.
    findings: Vec<Finding>,
}

impl Classifier {
    /// A classifier; `None` if there is nothing to look for. Detectors give the class `on_detect`, and so do patterns
    /// without a class of their own.
    ///
    /// # Errors
    /// A pattern is wrong.
    pub fn new(kinds: &[Kind], patterns: &[Pattern], on_detect: &str) -> Result<Option<Self>, PatternError> {
        if kinds.is_empty() && patterns.is_empty() {
            return Ok(None);
        }
        let detectors = detectors::of(kinds);
        let class = on_detect.trim().to_lowercase();
        let found = |by: &str, class: String| Finding { by: by.to_owned(), class };
        let of_pattern = |pattern: &Pattern| {
            let own = pattern.data_class.as_ref().map(|own| own.trim().to_lowercase());
            found(&pattern.name, own.unwrap_or_else(|| class.clone()))
        };
        let by_detector = detectors.iter().map(|detector| found(detector.kind.name(), class.clone()));
        Ok(Some(Self {
            findings: by_detector.chain(patterns.iter().map(of_pattern)).collect(),
            interests: Interests::of(detectors.iter().map(|detector| detector.begins)),
            words: Arc::new(Words::of(&detectors).ok_or(PatternError::Words)?),
            patterns: Patterns::new(patterns)?,
            detectors,
        }))
    }

    /// What is found in a body, one finding for each class.
    pub fn classify(&self, body: &[u8]) -> Vec<Finding> {
        let mut scan = Scan::new(self);
        strings::each(body, &mut scan);
        scan.finish().into_iter().filter_map(|index| self.findings.get(index).cloned()).collect()
    }

    /// The class of a detector or pattern, by its place.
    pub(super) fn class(&self, index: usize) -> Option<&str> {
        self.findings.get(index).map(|finding| finding.class.as_str())
    }

    /// How many detectors and patterns there are.
    pub(super) fn count(&self) -> usize {
        self.findings.len()
    }
}
