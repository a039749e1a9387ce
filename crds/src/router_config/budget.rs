//! How much a policy may spend, and the leases by which several routers spend it together.

use super::{MoneyError, NanoUsd, resilience};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A bound on what a policy spends in a period of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Budget {
    /// Unique in the policy; in decisions and metrics.
    pub name: String,
    /// How often it is full again: at the beginning of each period, in UTC.
    pub per: Period,
    /// USD by the backends' prices, as a decimal string. Either this or `tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<String>,
    /// Tokens of prompts and answers together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// The backends whose answers count. Absent: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<String>,
    /// Whether each client has such a budget for itself. Needs clients with keys.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub per_client: bool,
    /// What becomes of requests that it cannot pay for.
    #[serde(default, skip_serializing_if = "resilience::is_default")]
    pub on_exceeded: OnExceeded,
    /// Whether routers spend it together, by leases of the operator. Without, each router has all of it for itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leased: bool,
}

/// Why a budget bounds nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// Neither unit, or both.
    #[error("set exactly one of usd and tokens")]
    Unit,
    /// Not an amount.
    #[error("usd: {0}")]
    Usd(#[from] MoneyError),
    /// It would refuse every request.
    #[error("it is 0: give an amount above 0")]
    Zero,
}

impl Budget {
    /// Nano-dollars or tokens in a period.
    ///
    /// # Errors
    /// It has no amount, or none that makes sense.
    pub fn limit(&self) -> Result<u64, BudgetError> {
        let limit = match (&self.usd, self.tokens) {
            (Some(usd), None) => NanoUsd::parse_usd(usd)?.0,
            (None, Some(tokens)) => tokens,
            (Some(_), Some(_)) | (None, None) => return Err(BudgetError::Unit),
        };
        if limit == 0 { Err(BudgetError::Zero) } else { Ok(limit) }
    }
}

/// How often a budget is full again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum Period {
    /// At every full minute.
    Minute,
    /// At every full hour.
    Hour,
    /// At midnight, UTC.
    Day,
    /// At midnight of the first of the month, UTC.
    Month,
}

/// What becomes of a request for a backend that counts in a budget which cannot pay for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum OnExceeded {
    /// It is refused.
    #[default]
    Reject,
    /// It goes to another backend of its route, or is refused if none of them is paid for.
    Fallback,
    /// It goes to another backend of its route that is in the cluster, or is refused.
    FleetOnly,
}

const DAY: i64 = 86_400;

impl Period {
    /// When the period that a time is in began. Both in seconds since 1970, UTC.
    pub fn start(self, now: i64) -> i64 {
        match self {
            Self::Minute => now - now.rem_euclid(60),
            Self::Hour => now - now.rem_euclid(3600),
            Self::Day => now - now.rem_euclid(DAY),
            Self::Month => {
                let day = now.div_euclid(DAY);
                (day - (day_of_month(day) - 1)) * DAY
            }
        }
    }

    /// When the period after the one that began at `start` begins. Both in seconds since 1970, UTC.
    pub fn next(self, start: i64) -> i64 {
        match self {
            Self::Minute => start + 60,
            Self::Hour => start + 3600,
            Self::Day => start + DAY,
            // No month has more than 31 days, and none that follows has fewer than four.
            Self::Month => self.start(start + 31 * DAY),
        }
    }
}

/// The day of the month, from 1, of a day since 1970. Years are counted from March, so that the leap day is the last
/// one: then month m begins (153 m + 2) / 5 days after the year does.
fn day_of_month(day: i64) -> i64 {
    // Days since 1 March of the year 0, in its 400 years, in its year.
    let of_era = (day + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    of_year - (153 * month + 2) / 5 + 1
}

/// Names one account: a budget of a policy, and the client if each has one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// The policy's name, as in the config.
    pub policy: String,
    /// The budget's name in it.
    pub budget: String,
    /// The client's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// What a router has spent of an account in a period, and what it needs. All but `needed` only grow in a period, so
/// that messages that cross each other take nothing back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spent {
    /// The account.
    pub account: Account,
    /// When the period began, in seconds since 1970.
    pub period: i64,
    /// Nano-dollars or tokens that it was granted in all.
    pub granted: u64,
    /// What it has given back of that, since it had no use for it.
    #[serde(default)]
    pub returned: u64,
    /// What it has spent.
    pub spent: u64,
    /// What requests under way may spend, and those that wait for a lease.
    pub needed: u64,
}

/// What a router may spend of an account in a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lease {
    /// The account.
    pub account: Account,
    /// When the period began.
    pub period: i64,
    /// Nano-dollars or tokens in all, since the period began.
    pub granted: u64,
    /// Whether somebody needs more than there is: what a router can do without, it should give back.
    pub exhausted: bool,
}

/// How long a router's leases stay its own when its stream broke. One that comes back within this time goes on with
/// them; later, what it had not reported as spent belongs to others.
pub const LEASE_GRACE: std::time::Duration = std::time::Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_where_calendars_say() {
        // 2024-02-29T12:34:56Z
        let now = 1_709_210_096;
        for (period, start) in [
            (Period::Minute, 1_709_210_040),
            (Period::Hour, 1_709_208_000),
            (Period::Day, 1_709_164_800),
            (Period::Month, 1_706_745_600),
        ] {
            assert_eq!(period.start(now), start, "{period:?}");
            assert_eq!(period.start(start), start);
            assert_ne!(period.start(start - 1), start);
            assert_eq!(period.start(period.next(start) - 1), start);
            assert_eq!(period.start(period.next(start)), period.next(start));
        }
        // Every month of 400 years begins at a first, and each has 28 to 31 days.
        let (mut start, mut months) = (0, 0);
        while months < 4800 {
            let next =
                (start / DAY + 28..start / DAY + 32).find(|day| day_of_month(*day) == 1).unwrap() * DAY;
            assert!((28..=31).contains(&((next - start) / DAY)));
            assert_eq!((Period::Month.start(next - 1), Period::Month.next(start)), (start, next));
            (start, months) = (next, months + 1);
        }
        assert_eq!(start, 146_097 * DAY, "400 years");
    }
}
