//! KubeAI: every 10 s, active requests on average over 10 minutes, over the target of requests for each replica; fewer
//! replicas only after 30 s of wanting fewer. (KubeAI's `modelAutoscaling` defaults: interval 10s, timeWindow 10m;
//! scaleDownDelaySeconds 30.)

use super::mean::Mean;
use super::{Rule, Setting, replicas};
use crate::engine::View;

const INTERVAL: u64 = 10;
const WINDOW: usize = 60;
const SCALE_DOWN_AFTER: u64 = 3;

pub(super) struct KubeAi {
    requests: f64,
    active: Mean,
    wanted_fewer: u64,
    replicas: Option<u32>,
}

impl KubeAi {
    pub(super) fn new(setting: Setting) -> Self {
        Self {
            requests: setting.requests_per_replica * setting.target,
            active: Mean::of(WINDOW),
            wanted_fewer: 0,
            replicas: None,
        }
    }
}

impl Rule for KubeAi {
    fn decide(&mut self, view: &View) -> u32 {
        let current = *self.replicas.get_or_insert(view.replicas());
        if !view.now.is_multiple_of(INTERVAL) {
            return current;
        }
        let wanted = replicas(self.active.add(f64::from(view.in_flight())) / self.requests);
        self.wanted_fewer = if wanted < current { self.wanted_fewer + 1 } else { 0 };
        if wanted > current || self.wanted_fewer > SCALE_DOWN_AFTER {
            self.replicas = Some(wanted);
        }
        self.replicas.unwrap_or(current)
    }
}
