//! Which further targets the failures so far leave open.

use crate::upstream::{Failure, Next};

/// Grows stricter with each failure of one request, never laxer.
#[derive(Debug, Default, Clone, Copy)]
pub struct Onward {
    closed: bool,
    /// Only windows known to be larger than this.
    larger_than: Option<u32>,
}

impl Onward {
    /// A target with this window failed.
    pub fn after(&mut self, failure: &Failure, window: Option<u32>, on_auth: bool) {
        match failure.next() {
            Next::Any | Next::Others => {}
            Next::IfAsked => self.closed |= !on_auth,
            Next::Larger => self.larger_than = self.larger_than.max(Some(window.unwrap_or(0))),
        }
    }

    /// Whether a target with this window may be tried. A window that is not known is not known to be larger.
    pub fn allows(&self, window: Option<u32>) -> bool {
        !self.closed && self.larger_than.is_none_or(|least| window.is_some_and(|window| window > least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    #[test]
    fn after_an_overflow_only_larger_windows_are_left_whatever_follows() {
        let mut onward = Onward::default();
        assert!(onward.allows(None));
        onward.after(&Failure::ContextOverflow(String::new()), Some(8192), false);
        onward.after(&Failure::Connect, Some(128_000), false);
        assert!(onward.allows(Some(8193)));
        assert!(!onward.allows(Some(8192)) && !onward.allows(None));
    }

    #[test]
    fn an_overflow_of_an_unknown_window_leaves_known_ones() {
        let mut onward = Onward::default();
        onward.after(&Failure::ContextOverflow(String::new()), None, false);
        assert!(onward.allows(Some(1)) && !onward.allows(None));
    }

    #[test]
    fn a_key_that_is_not_accepted_ends_it_unless_the_policy_asks() {
        for on_auth in [false, true] {
            let mut onward = Onward::default();
            onward.after(&Failure::Auth(StatusCode::UNAUTHORIZED), None, on_auth);
            assert_eq!(onward.allows(Some(1)), on_auth);
        }
    }
}
