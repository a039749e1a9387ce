//! What a person sees while a long command works: one line a step, with a counter where there is one.

use std::{
    io::{IsTerminal, Write},
    time::Instant,
};

/// One step: its line is printed when it starts and closed with its duration.
#[derive(Debug)]
pub struct Step {
    label: String,
    start: Instant,
    terminal: bool,
    /// Tenths of the way that a log has been told about.
    told: usize,
}

impl Step {
    /// Starts a step.
    pub fn start(label: impl Into<String>) -> Self {
        let step = Self {
            label: label.into(),
            start: Instant::now(),
            terminal: std::io::stderr().is_terminal(),
            told: 0,
        };
        if step.terminal {
            step.draw("");
        } else {
            eprintln!("  ... {}", step.label);
        }
        step
    }

    /// Shows how far the step is. On a terminal each call redraws the line; in a log each tenth is a line.
    pub fn at(&mut self, done: usize, total: usize) {
        let tenths = (done * 10).checked_div(total).unwrap_or(0);
        if self.terminal {
            self.draw(&format!(" {done}/{total}"));
        } else if tenths > self.told {
            self.told = tenths;
            eprintln!("  ... {} {done}/{total}, {:.0} s", self.label, self.start.elapsed().as_secs_f32());
        }
    }

    /// Ends the step with a tick.
    pub fn done(self) {
        self.close("");
    }

    /// Ends the step with a tick and a remark.
    pub fn done_with(self, remark: &str) {
        self.close(&format!(" ({remark})"));
    }

    fn close(self, remark: &str) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        eprintln!("{clear}  [ok] {}{remark} {:.1} s", self.label, self.start.elapsed().as_secs_f32());
    }

    fn draw(&self, counter: &str) {
        eprint!("\r\x1b[K  ... {}{counter}", self.label);
        // Progress is a courtesy: a closed terminal must not stop the work.
        let _ = std::io::stderr().flush();
    }
}
