//! Which files of a repository an engine needs. Pure.

use super::hub::Sibling;
use super::shard;

/// Endings of what engines read beside weights: shapes, tokenizers, templates.
const SMALL: [&str; 6] = [".json", ".txt", ".model", ".jinja", ".tiktoken", ".py"];
/// Endings of weights, the best first: of several formats of the same weights only one is needed.
const WEIGHTS: [&str; 2] = [".safetensors", ".bin"];
/// Beginnings of second copies, in formats of the models' makers.
const COPIES: [&str; 3] = ["original/", "metal/", "consolidated"];

/// All files of the model that `file` is a part of, or without one what an engine needs of a whole repository.
pub(super) fn needed(files: Vec<Sibling>, file: Option<&str>) -> Vec<Sibling> {
    if let Some(first) = file {
        let Some(name) = shard(first) else { return Vec::new() };
        let folder = &first[..first.rfind('/').map_or(0, |at| at + 1)];
        let parts: Vec<_> =
            (1..=name.count).map(|number| format!("{folder}{}", name.other(number))).collect();
        return files.into_iter().filter(|file| parts.contains(&file.rfilename)).collect();
    }
    let is_copy = |file: &Sibling| COPIES.iter().any(|start| file.rfilename.starts_with(start));
    let own: Vec<_> = {
        let (copies, own): (Vec<_>, Vec<_>) = files.into_iter().partition(is_copy);
        // A repository with nothing else means its copies.
        let has_weights =
            WEIGHTS.iter().any(|ending| own.iter().any(|file| file.rfilename.ends_with(ending)));
        if has_weights { own } else { own.into_iter().chain(copies).collect() }
    };
    let weights = WEIGHTS.into_iter().find(|ending| own.iter().any(|file| file.rfilename.ends_with(ending)));
    let is_needed =
        |file: &Sibling| weights.into_iter().chain(SMALL).any(|end| file.rfilename.ends_with(end));
    own.into_iter().filter(is_needed).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use serde_json::json;

    fn chosen(names: &[&str], file: Option<&str>) -> Vec<String> {
        let sibling = |name: &&str| serde_json::from_value(json!({"rfilename": name})).unwrap();
        let files = needed(names.iter().map(sibling).collect(), file);
        files.into_iter().map(|file| file.rfilename).collect()
    }

    #[test]
    fn one_copy_of_the_weights_and_what_is_beside_them() {
        // As in meta-llama/Llama-3.2-3B-Instruct and mistralai/Mistral-7B-Instruct-v0.3.
        let names = [
            ".gitattributes",
            "README.md",
            "config.json",
            "consolidated.safetensors",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "original/consolidated.00.pth",
            "pytorch_model.bin",
            "tokenizer.model",
        ];
        let expected = [
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "tokenizer.model",
        ];
        assert_eq!(chosen(&names, None), expected);
    }

    #[test]
    fn older_formats_are_taken_where_there_is_nothing_else() {
        assert_eq!(
            chosen(&["pytorch_model.bin", "m.gguf", "config.json"], None),
            ["pytorch_model.bin", "config.json"]
        );
        assert_eq!(
            chosen(&["consolidated.safetensors", "params.json"], None),
            ["params.json", "consolidated.safetensors"]
        );
    }

    #[test]
    fn the_parts_of_a_model_are_those_of_its_folder() {
        let names = [
            "q8/m-00001-of-00002.gguf",
            "q8/m-00002-of-00002.gguf",
            "q4/m-00001-of-00002.gguf",
            "config.json",
        ];
        assert_eq!(chosen(&names, Some("q8/m-00001-of-00002.gguf")), names[..2]);
    }
}
