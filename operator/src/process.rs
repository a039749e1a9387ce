//! What the operator's process takes of its node, by the names that Prometheus has for any process.

use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge};
use rustix::param::{clock_ticks_per_second, page_size};
use std::fs::{read_dir, read_to_string};
use std::sync::LazyLock;

/// When the node started, in seconds since the epoch: the kernel counts a process's start from there.
static BOOTED: LazyLock<Option<f64>> = LazyLock::new(|| booted(&read_to_string("/proc/stat").ok()?));

/// The figures of this process as they are now; none where there is no `/proc`.
pub(crate) fn families() -> Vec<MetricFamily> {
    read().and_then(|process| process.families().ok()).unwrap_or_default()
}

/// What the kernel says of a process.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Process {
    /// Processor time in user and system mode, in seconds.
    cpu_seconds: f64,
    /// Memory that is resident, in bytes.
    resident_bytes: f64,
    /// When it started, in seconds since the epoch.
    started: f64,
    /// File descriptors that are open.
    open_files: f64,
}

/// How the kernel counts.
#[derive(Debug, Clone, Copy)]
struct Units {
    /// Clock ticks in a second.
    ticks: f64,
    /// Bytes of a page.
    page: f64,
}

fn read() -> Option<Process> {
    let stat = read_to_string("/proc/self/stat").ok()?;
    // One of them is the folder's own.
    let open_files = read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    let units = Units { ticks: clock_ticks_per_second() as f64, page: page_size() as f64 };
    Process::parse(&stat, units, (*BOOTED)?, open_files)
}

impl Process {
    /// Reads a line of `/proc/PID/stat`.
    fn parse(stat: &str, units: Units, booted: f64, open_files: usize) -> Option<Self> {
        // The second field is the command's name in parentheses, which may hold anything.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        // By the numbers of proc(5); the first one after the name is the third.
        let field = |number: usize| fields.get(number.checked_sub(3)?)?.parse::<f64>().ok();
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / units.ticks,
            started: booted + field(22)? / units.ticks,
            resident_bytes: field(24)? * units.page,
            open_files: open_files as f64,
        })
    }

    fn families(&self) -> Result<Vec<MetricFamily>, prometheus::Error> {
        let cpu =
            Counter::new("process_cpu_seconds_total", "User and system CPU time of the process in seconds.")?;
        cpu.inc_by(self.cpu_seconds);
        let mut families = cpu.collect();
        for (name, help, value) in [
            ("process_open_fds", "File descriptors that the process has open.", self.open_files),
            (
                "process_resident_memory_bytes",
                "Resident memory of the process in bytes.",
                self.resident_bytes,
            ),
            (
                "process_start_time_seconds",
                "When the process started, in seconds since the epoch.",
                self.started,
            ),
        ] {
            let gauge = Gauge::new(name, help)?;
            gauge.set(value);
            families.extend(gauge.collect());
        }
        Ok(families)
    }
}

/// Reads `/proc/stat`.
fn booted(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_process_is_read_whatever_its_command_is_called() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 9 0 1234 99999744 2048 18446744073709551615 1";
        let process = Process::parse(stat, Units { ticks: 100.0, page: 4096.0 }, 1000.0, 7);
        let expected =
            Process { cpu_seconds: 2.0, resident_bytes: 8_388_608.0, started: 1012.34, open_files: 7.0 };
        assert_eq!(process, Some(expected));
        assert_eq!(
            booted("cpu  1 2 3\nintr 5 6\nctxt 7\nbtime 1767571200\nprocesses 9\n"),
            Some(1_767_571_200.0)
        );
    }

    #[test]
    fn what_is_no_line_of_a_process_is_none() {
        let units = Units { ticks: 100.0, page: 4096.0 };
        for stat in
            ["", "42 (name", "42 (name) S 1 2", "42 (name) S 1 42 42 0 -1 4 9 0 0 0 x 50 0 0 20 0 9 0 1 2 3"]
        {
            assert_eq!(Process::parse(stat, units, 0.0, 0), None, "{stat}");
        }
        assert_eq!((booted("cpu 1\n"), booted("btime soon\n")), (None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_begun_and_takes_memory() {
        let process = read().unwrap();
        let now = Timestamp::now().as_second() as f64 + 1.0;
        // The kernel rounds the moment of its own start to a second.
        assert!(process.started > 0.0 && process.started <= now + 1.0, "{process:?} at {now}");
        assert!(process.resident_bytes >= 65_536.0 && process.open_files >= 1.0, "{process:?}");
        let text = crate::metrics::Metrics::new().unwrap().text(0, true).unwrap();
        for line in [
            "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total ",
            "# TYPE process_open_fds gauge\nprocess_open_fds ",
            "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes ",
            "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds ",
            "flotilla_operator_leader 1\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
