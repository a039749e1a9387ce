//! What a rule can see.

/// One second of a fleet.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct View {
    /// Seconds since the start.
    pub now: u64,
    /// Replicas that serve.
    pub ready: u32,
    /// Replicas that start.
    pub starting: u32,
    /// Seconds until those that start serve, on average.
    pub arrives_in: f64,
    /// Replicas that go when they have answered what they have.
    pub draining: u32,
    /// Requests in a slot of a replica.
    pub running: u32,
    /// Requests that wait for one.
    pub waiting: u32,
    /// Prompt tokens of the requests that wait.
    pub waiting_prompt: f64,
    /// Requests that came within the second.
    pub offered_requests: u32,
    /// Their prompt tokens.
    pub offered_prompt: f64,
    /// Prompt tokens that were read within the second.
    pub served_prompt: f64,
    /// Completion tokens of requests that were answered within the second.
    pub served_completion: f64,
    /// Completion tokens of a request, on average over those that were answered.
    pub mean_completion: f64,
}

impl View {
    /// Replicas that serve or will.
    pub const fn replicas(&self) -> u32 {
        self.ready + self.starting
    }

    /// Requests that are not answered yet.
    pub const fn in_flight(&self) -> u32 {
        self.running + self.waiting
    }
}
