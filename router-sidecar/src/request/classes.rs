//! The data classes that a request claims in its header.

use http::{HeaderMap, HeaderName};

/// Classes that the policy does not know and that are kept apart. A request has a handful.
const UNKNOWN_AT_MOST: usize = 64;
/// The longest of them, in bytes.
const LENGTH_AT_MOST: usize = 64;
/// Stands for all further ones. No header can say it, as it has a comma, so no rule is meant by it.
const FURTHER: &str = "too many, or too long";

/// All classes of all lines of the header, trimmed, in lower case, each once. Of those that no rule of the policy names
/// only so many are kept; what they say together, that they are not known, is said by one as well.
///
/// Bytes that are no UTF-8 become replacement characters: such a class is known to no rule, and a policy that
/// fails closed keeps it in the cluster.
pub fn data_classes(headers: &HeaderMap, name: &HeaderName, is_known: impl Fn(&str) -> bool) -> Vec<String> {
    let mut classes: Vec<String> = Vec::new();
    let (mut unknown, mut further) = (0, false);
    for value in headers.get_all(name) {
        for class in String::from_utf8_lossy(value.as_bytes()).split(',') {
            let class = class.trim().to_lowercase();
            if class.is_empty() {
                continue;
            }
            let known = is_known(&class);
            if !known && (unknown >= UNKNOWN_AT_MOST || class.len() > LENGTH_AT_MOST) {
                further = true;
            } else if !classes.contains(&class) {
                unknown += usize::from(!known);
                classes.push(class);
            }
        }
    }
    classes.extend(further.then(|| FURTHER.to_owned()));
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn classes_come_from_every_line_without_case_and_once() {
        let name = HeaderName::from_static("x-data-class");
        let mut headers = HeaderMap::new();
        headers.append(&name, HeaderValue::from_static("PHI, pii,,"));
        headers.append(&name, HeaderValue::from_static(" phi ,Export"));
        headers.append(&name, HeaderValue::from_bytes(b"\xff").unwrap());
        assert_eq!(data_classes(&headers, &name, |_| false), ["phi", "pii", "export", "\u{fffd}"]);
    }

    #[test]
    fn of_classes_without_end_those_that_are_known_are_found_and_the_others_are_one() {
        let name = HeaderName::from_static("x-data-class");
        let mut headers = HeaderMap::new();
        let many: Vec<_> = (0..20_000).map(|number| format!("{number:x}")).collect();
        headers.append(&name, HeaderValue::try_from(format!("{},PHI", many.join(","))).unwrap());
        headers.append(&name, HeaderValue::try_from("z".repeat(50_000)).unwrap());
        let classes = data_classes(&headers, &name, |class| class == "phi");
        assert_eq!(classes.len(), UNKNOWN_AT_MOST + 2);
        assert_eq!(classes[UNKNOWN_AT_MOST..], ["phi", FURTHER]);
        // One that is too long is unknown by itself.
        headers.remove(&name);
        headers.append(&name, HeaderValue::try_from("z".repeat(LENGTH_AT_MOST + 1)).unwrap());
        assert_eq!(data_classes(&headers, &name, |_| false), [FURTHER]);
    }
}
