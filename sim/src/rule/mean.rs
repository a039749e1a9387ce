//! Means over sliding windows.

use std::collections::VecDeque;

/// The mean of the last values.
#[derive(Debug, Clone)]
pub(super) struct Mean {
    size: usize,
    values: VecDeque<f64>,
    sum: f64,
}

impl Mean {
    pub(super) fn of(size: usize) -> Self {
        Self { size, values: VecDeque::with_capacity(size), sum: 0.0 }
    }

    /// Adds a value and returns the mean.
    pub(super) fn add(&mut self, value: f64) -> f64 {
        if self.values.len() == self.size {
            self.sum -= self.values.pop_front().unwrap_or_default();
        }
        self.values.push_back(value);
        self.sum += value;
        self.sum / self.values.len() as f64
    }
}

/// The largest of the last values.
#[derive(Debug, Clone)]
pub(super) struct Largest {
    size: usize,
    values: VecDeque<u32>,
}

impl Largest {
    pub(super) fn of(size: usize) -> Self {
        Self { size, values: VecDeque::with_capacity(size) }
    }

    /// Adds a value and returns the largest.
    pub(super) fn add(&mut self, value: u32) -> u32 {
        if self.values.len() == self.size {
            self.values.pop_front();
        }
        self.values.push_back(value);
        self.values.iter().copied().max().unwrap_or(value)
    }
}
