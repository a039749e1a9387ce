//! Models split over several GGUF files, as `llama-gguf-split` names them: `NAME-00001-of-00003.gguf`.

/// More files than anybody splits a model into; each costs a request.
pub const MAX_SHARDS: u32 = 256;
/// Digits of both numbers in a name.
const DIGITS: usize = 5;

/// What the name of one of several files says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardName<'a> {
    stem: &'a str,
    /// Which file it is, from 1.
    pub number: u32,
    /// How many there are.
    pub count: u32,
}

impl<'a> ShardName<'a> {
    /// Reads the last part of a path or URL.
    pub fn of(name: &'a str) -> Option<Self> {
        let file = name.rsplit(['/', '#']).next()?;
        let (start, count) = file.strip_suffix(".gguf")?.rsplit_once("-of-")?;
        let (stem, number) = start.rsplit_once('-')?;
        let parsed = |digits: &str| digits.parse().ok().filter(|_| digits.len() == DIGITS);
        Some(Self { stem, number: parsed(number)?, count: parsed(count)? })
    }

    /// The name of another file of the same model, in the same folder.
    pub fn other(&self, number: u32) -> String {
        format!("{}-{number:05}-of-{:05}.gguf", self.stem, self.count)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::ShardName;

    #[test]
    fn names_lead_to_the_others() {
        let shard = ShardName::of("https://hub.example/a/m-q4_k_m-00001-of-00003.gguf").unwrap();
        assert_eq!((shard.number, shard.count), (1, 3));
        assert_eq!(shard.other(3), "m-q4_k_m-00003-of-00003.gguf");
        assert_eq!(ShardName::of("oci://r/m:1#m-00002-of-00002.gguf").map(|shard| shard.number), Some(2));
        for none in ["m.gguf", "m-1-of-3.gguf", "m-00001-of-00003.safetensors", "00001-of-00002.gguf"] {
            assert_eq!(ShardName::of(none), None, "{none}");
        }
    }
}
