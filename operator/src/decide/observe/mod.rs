//! What a replica took, for the status to show beside the estimate: told from its engine's log and metrics, and from
//! what watches its GPU.
//!
//! Pure: text in, a [`Reading`] out. A new engine is a file here and a line in [`ENGINES`].

pub mod dcgm;
mod exposition;
mod llama_cpp;
pub mod load;
pub mod metrics;
mod sglang;
mod text;
mod vllm;

/// What one start of an engine took, in bytes. A term that the engine did not report is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// The model's weights.
    pub weights: Option<u64>,
    /// Keys and values, and the state of recurrent layers.
    pub kv_cache: Option<u64>,
    /// Buffers of the computation.
    pub compute: Option<u64>,
    /// Tokens that the cache of keys and values holds.
    pub kv_cache_tokens: Option<u64>,
    /// All that the replica's GPUs hold, the runtime's own context included.
    pub device: Option<u64>,
    /// The engine's build, as it names itself.
    pub version: Option<String>,
    /// The model's architecture, as the engine names it.
    pub architecture: Option<String>,
}

impl Reading {
    /// What this says, and what only the other says.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            weights: self.weights.or(other.weights),
            kv_cache: self.kv_cache.or(other.kv_cache),
            compute: self.compute.or(other.compute),
            kv_cache_tokens: self.kv_cache_tokens.or(other.kv_cache_tokens),
            device: self.device.or(other.device),
            version: self.version.or(other.version),
            architecture: self.architecture.or(other.architecture),
        }
    }

    /// Whether every term was reported that engines report.
    pub const fn is_complete(&self) -> bool {
        self.weights.is_some() && self.kv_cache.is_some() && self.compute.is_some()
    }

    /// The sum of the terms that were reported; none if none was.
    pub fn total(&self) -> Option<u64> {
        let terms = [self.weights, self.kv_cache, self.compute];
        terms.into_iter().flatten().reduce(u64::saturating_add)
    }
}

/// The engines whose logs can be read. Each gives nothing for a log that is not its own.
const ENGINES: &[fn(&str) -> Option<Reading>] = &[llama_cpp::read, vllm::read, sglang::read];

/// Reads the beginning of an engine's log, whichever engine it is.
pub fn read(log: &str) -> Option<Reading> {
    ENGINES.iter().find_map(|read| read(log)).filter(|reading| reading.total().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_of_no_known_engine_says_nothing() {
        for log in ["", "hello\n", "buffer size\n= MiB\n", "load_tensors: CPU model buffer size = x MiB"] {
            assert_eq!(read(log), None, "{log:?}");
        }
    }

    #[test]
    fn sums_do_not_overflow() {
        let reading = Reading { weights: Some(u64::MAX), kv_cache: Some(1), ..Reading::default() };
        assert_eq!(reading.total(), Some(u64::MAX));
    }
}
