//! E-mail addresses, in the forms that are in use (RFC 5321, without quoted local parts and address literals).

use super::Detector;
use crate::classify::begin::Begin;
use crate::classify::place::Place;
use flotilla_crds::router_config::Detector as Kind;

pub(super) static DETECTOR: Detector =
    Detector { kind: Kind::Email, begins: &[Begin::At], context: &[], find };

fn find(place: &Place<'_>) -> bool {
    // Whatever stands before it, its last byte is one that a local part may end with.
    let local =
        place.back(1).is_some_and(|b| b.is_ascii_alphanumeric() || !b.is_ascii() || b"_-+".contains(&b));
    local && is_domain(place)
}

/// Labels with dots between them, the last one of two letters or more.
fn is_domain(place: &Place<'_>) -> bool {
    let (mut at, mut label, mut dots, mut letters) = (1, 0, 0, true);
    loop {
        match place.byte(at) {
            Some(b'.') if label > 0 => {
                if !place.byte(at + 1).is_some_and(|b| b.is_ascii_alphanumeric() || !b.is_ascii()) {
                    break;
                }
                (dots, label, letters) = (dots + 1, 0, true);
            }
            Some(byte) if byte.is_ascii_alphanumeric() || byte == b'-' || !byte.is_ascii() => {
                label += 1;
                letters &= !byte.is_ascii_digit();
            }
            _ => break,
        }
        at += 1;
    }
    dots > 0 && label >= 2 && letters
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::testing::{finds, passes};

    #[test]
    fn addresses_as_they_are_written() {
        finds(
            &DETECTOR,
            &[
                "jane.doe@example.com",
                "<jane+x@mail.example.co.uk>",
                "write to jane_@example.org.",
                "jürgen@müller.de",
                "JANE@EXAMPLE.COM,",
            ],
        );
        passes(
            &DETECTOR,
            &["@jane", "a @ b.com", "jane@localhost", "jane@1.2.3.4", "jane@example.c", "jane@.com", "x@y"],
        );
    }
}
