//! The saturation rule of the workload variant autoscaler of llm-d, which KServe uses: a replica is saturated with 80 %
//! of its keys and values or 5 waiting requests. One more when those that are not have on average less than 10 % or 3
//! requests to spare, or none is left; one fewer when the rest would still have that; nothing while one starts. Looked at every
//! 30 s. (llm-d-incubation/workload-variant-autoscaler, `saturation-scaling-config`.) The part of slots in use stands for
//! that of keys and values.

use super::{Rule, Setting};
use crate::engine::View;

const INTERVAL: u64 = 30;
const CACHE: f64 = 0.80;
const QUEUE: f64 = 5.0;
const SPARE_CACHE: f64 = 0.10;
const SPARE_QUEUE: f64 = 3.0;

pub(super) struct Saturation {
    slots: f64,
    /// The threshold of the cache relative to its default, so that it can be tuned as targets can.
    threshold: f64,
    replicas: Option<u32>,
}

impl Saturation {
    pub(super) fn new(setting: Setting) -> Self {
        Self { slots: f64::from(setting.machine.slots), threshold: CACHE * setting.target, replicas: None }
    }

    fn spare(&self, view: &View, replicas: u32) -> bool {
        let replicas = f64::from(replicas);
        let cache = f64::from(view.running) / (self.slots * replicas);
        let queue = f64::from(view.waiting) / replicas;
        self.threshold - cache >= SPARE_CACHE.min(self.threshold / 2.0) && QUEUE - queue >= SPARE_QUEUE
    }
}

impl Rule for Saturation {
    fn decide(&mut self, view: &View) -> u32 {
        let current = *self.replicas.get_or_insert(view.replicas());
        if !view.now.is_multiple_of(INTERVAL) || view.starting > 0 || view.ready == 0 {
            return current;
        }
        let next = if !self.spare(view, view.ready) {
            current + 1
        } else if current > 1 && self.spare(view, view.ready - 1) {
            current - 1
        } else {
            current
        };
        self.replicas = Some(next);
        next
    }
}
