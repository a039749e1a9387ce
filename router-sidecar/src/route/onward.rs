//! Which further targets the failures so far leave open.

use crate::snapshot::Side;
use crate::upstream::{Failure, Next};

/// Grows stricter with each failure of one request, never laxer.
#[derive(Debug, Default, Clone, Copy)]
pub struct Onward {
    closed: bool,
    in_cluster_only: bool,
    /// Only windows known to be larger than this.
    larger_than: Option<u32>,
}

impl Onward {
    /// A target with this window failed.
    pub fn after(&mut self, failure: &Failure, window: Option<u32>, on_auth: bool) {
        match failure.next() {
            Next::Any | Next::Others => {}
            Next::None => self.closed = true,
            Next::InCluster => self.in_cluster_only = true,
            Next::IfAsked => self.closed |= !on_auth,
            Next::Larger => self.larger_than = self.larger_than.max(Some(window.unwrap_or(0))),
        }
    }

    /// Whether a target on this side and with this window may be tried. A window that is not known is not known to be
    /// larger.
    pub fn allows(&self, side: Side, window: Option<u32>) -> bool {
        !self.closed
            && (side == Side::InCluster || !self.in_cluster_only)
            && self.larger_than.is_none_or(|least| window.is_some_and(|window| window > least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Exceeded;
    use flotilla_crds::router_config::OnExceeded;
    use http::StatusCode;

    #[test]
    fn after_an_overflow_only_larger_windows_are_left_whatever_follows() {
        let mut onward = Onward::default();
        assert!(onward.allows(Side::External, None));
        onward.after(&Failure::ContextOverflow(String::new()), Some(8192), false);
        onward.after(&Failure::Connect, Some(128_000), false);
        assert!(onward.allows(Side::External, Some(8193)));
        assert!(!onward.allows(Side::External, Some(8192)) && !onward.allows(Side::External, None));
    }

    #[test]
    fn an_overflow_of_an_unknown_window_leaves_known_ones() {
        let mut onward = Onward::default();
        onward.after(&Failure::ContextOverflow(String::new()), None, false);
        assert!(onward.allows(Side::External, Some(1)) && !onward.allows(Side::External, None));
    }

    #[test]
    fn a_key_that_is_not_accepted_ends_it_unless_the_policy_asks() {
        for on_auth in [false, true] {
            let mut onward = Onward::default();
            onward.after(&Failure::Auth(StatusCode::UNAUTHORIZED), None, on_auth);
            assert_eq!(onward.allows(Side::External, Some(1)), on_auth);
        }
    }

    #[test]
    fn what_a_budget_cannot_pay_for_goes_where_the_budget_says() {
        for (then, external, in_cluster) in [
            (OnExceeded::Reject, false, false),
            (OnExceeded::Fallback, true, true),
            (OnExceeded::FleetOnly, false, true),
        ] {
            let mut onward = Onward::default();
            onward.after(&Failure::Unpaid(Exceeded::testing(then)), None, false);
            let allowed = (onward.allows(Side::External, None), onward.allows(Side::InCluster, None));
            assert_eq!(allowed, (external, in_cluster), "{then:?}");
        }
    }
}
