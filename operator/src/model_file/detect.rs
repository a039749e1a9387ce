//! Telling formats by their first bytes.

/// What a file starts like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// A GGUF file.
    Gguf,
    /// One safetensors file: a length, then JSON.
    Safetensors,
    /// JSON: an index of safetensors files.
    Index,
    /// Something else.
    Other(&'static str),
}

/// Things that are given for model files by mistake.
const OTHERS: [(&[u8], &str); 8] = [
    (b"version https://git-lfs", "a Git LFS pointer, not the file it stands for; fetch it with git lfs pull"),
    (b"PK\x03\x04", "a PyTorch or zip archive"),
    (b"lmgg", "a file in llama.cpp's format before GGUF"),
    (b"fmgg", "a file in llama.cpp's format before GGUF"),
    (b"tjgg", "a file in llama.cpp's format before GGUF"),
    (b"<!", "a web page; check the URL (Hugging Face: /resolve/, not /blob/)"),
    (b"<html", "a web page; check the URL (Hugging Face: /resolve/, not /blob/)"),
    (b"\x1f\x8b", "compressed with gzip"),
];

impl Start {
    /// Tells the format of a file that starts with `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"GGUF") {
            return Self::Gguf;
        }
        if let Some((_, name)) = OTHERS.iter().find(|(start, _)| bytes.starts_with(start)) {
            return Self::Other(name);
        }
        // A length, whose high bytes are zero, and JSON after it. JSON alone has no zeros.
        if bytes.get(8) == Some(&b'{') && bytes.iter().take(8).any(|byte| *byte == 0) {
            return Self::Safetensors;
        }
        match bytes.trim_ascii_start().first() {
            Some(b'{') => Self::Index,
            Some(_) => Self::Other("in no format that is known"),
            None => Self::Other("empty"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Start;

    #[test]
    fn json_and_a_length_before_json_are_told_apart() {
        assert_eq!(Start::of(b"{\"meta\":{}}"), Start::Index);
        assert_eq!(Start::of(b"\n { }"), Start::Index);
        assert_eq!(Start::of(b"{\0\0\0\0\0\0\0{\"a\":1}"), Start::Safetensors);
        assert_eq!(Start::of(b"\0\0\0\0\0\0\0\x10{"), Start::Safetensors);
    }
}
