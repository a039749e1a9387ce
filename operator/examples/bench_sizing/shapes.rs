//! Models of random shape, from the metadata of their GGUF files.

use std::collections::BTreeMap;

use flotilla_operator::decide::sizing::Architecture;
use flotilla_operator::model_file::gguf::{Parser, architecture};
use flotilla_operator::model_file::read::Reach;

/// Types of values in a GGUF file.
const U32: u32 = 4;
const I32: u32 = 5;
const F32: u32 = 6;
const TEXT: u32 = 8;
const ARRAY: u32 = 9;

/// The models of a table of names, architectures and metadata, by name.
pub fn models(table: &str) -> BTreeMap<String, Architecture> {
    let lines = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines
        .map(|line| {
            let [name, architecture, metadata] = line.split(',').collect::<Vec<_>>()[..] else {
                panic!("{line}: not three columns")
            };
            (name.to_owned(), read(architecture, metadata).unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect()
}

/// What the operator's own reader makes of a head with that metadata. Keys with `!` are not of the format.
fn read(name: &str, metadata: &str) -> Result<Architecture, String> {
    let entries: Vec<_> = metadata
        .split(' ')
        .filter(|pair| !pair.starts_with('!'))
        .map(|pair| pair.split_once('=').ok_or_else(|| format!("{pair}: no value")))
        .collect::<Result<_, _>>()?;
    let mut head = [b"GGUF", &3_u32.to_le_bytes()[..], &0_u64.to_le_bytes()].concat();
    head.extend((entries.len() as u64 + 1).to_le_bytes());
    head.extend([text("general.architecture"), TEXT.to_le_bytes().to_vec(), text(name)].concat());
    for (key, value) in entries {
        head.extend([text(&format!("{name}.{key}")), value_of(value)?].concat());
    }
    let mut parser = Parser::new(Reach::Tensors);
    parser.feed(&head).map_err(|error| error.to_string())?;
    let head = parser.finish(head.len() as u64).map_err(|error| error.to_string())?;
    architecture(&head).map(|(architecture, _)| architecture).map_err(|error| error.to_string())
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

/// A number, whole or not, or numbers with semicolons between them.
fn value_of(value: &str) -> Result<Vec<u8>, String> {
    let wrong = || format!("{value}: no number");
    if let Ok(number) = value.parse::<u32>() {
        return Ok([U32.to_le_bytes(), number.to_le_bytes()].concat());
    }
    if let Ok(number) = value.parse::<f32>() {
        return Ok([F32.to_le_bytes(), number.to_le_bytes()].concat());
    }
    let numbers: Vec<i32> =
        value.split(';').map(|one| one.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
    let mut array = [ARRAY.to_le_bytes(), I32.to_le_bytes()].concat();
    array.extend((numbers.len() as u64).to_le_bytes());
    array.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    Ok(array)
}
