//! What somebody may have meant who wrote a name that does not exist.

/// How many names are offered.
const OFFERED: usize = 3;

/// The names whose key differs least from `given`, the nearest first. A key is the name in the form in which it
/// is compared, for example in lower case.
pub fn nearest<'a>(given: &str, keyed: impl IntoIterator<Item = (String, &'a str)>) -> Vec<&'a str> {
    let mut ranked: Vec<_> =
        keyed.into_iter().map(|(key, name)| (edit_distance(given, &key), name)).collect();
    ranked.sort_by_key(|(distance, _)| *distance);
    ranked.truncate(OFFERED);
    ranked.into_iter().map(|(_, name)| name).collect()
}

/// Insertions, deletions and replacements that turn `from` into `to` (Levenshtein).
fn edit_distance(from: &str, to: &str) -> usize {
    let mut distances: Vec<usize> = (0..=to.chars().count()).collect();
    for (row, from_char) in from.chars().enumerate() {
        let mut diagonal = row;
        let mut left = row + 1;
        for (above, to_char) in distances.iter_mut().skip(1).zip(to.chars()) {
            let replaced = diagonal + usize::from(from_char != to_char);
            diagonal = *above;
            left = replaced.min(left + 1).min(*above + 1);
            *above = left;
        }
        if let Some(first) = distances.first_mut() {
            *first = row + 1;
        }
    }
    distances.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (from, to, edits) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)] {
            assert_eq!(edit_distance(from, to), edits, "{from} {to}");
        }
    }

    #[test]
    fn the_nearest_come_first_and_few() {
        let names = ["alpha", "beta", "gamma", "betas"].map(|name| (name.to_owned(), name));
        assert_eq!(nearest("bet", names), ["beta", "betas", "alpha"]);
    }
}
