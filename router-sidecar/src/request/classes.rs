//! The data classes that a request claims in its header.

use http::{HeaderMap, HeaderName};

/// All classes of all lines of the header, trimmed, in lower case, each once.
///
/// Bytes that are no UTF-8 become replacement characters: such a class is known to no rule, and a policy that
/// fails closed keeps it in the cluster.
pub fn data_classes(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let mut classes = Vec::new();
    for value in headers.get_all(name) {
        for class in String::from_utf8_lossy(value.as_bytes()).split(',') {
            let class = class.trim().to_lowercase();
            if !class.is_empty() && !classes.contains(&class) {
                classes.push(class);
            }
        }
    }
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
        assert_eq!(data_classes(&headers, &name), ["phi", "pii", "export", "\u{fffd}"]);
    }
}
