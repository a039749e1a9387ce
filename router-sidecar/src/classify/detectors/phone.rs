//! Telephone numbers: international ones with `+` (ITU-T E.164), North American ones as they are written there
//! (NANP: area and exchange begin with 2 to 9), and bare digits in context.

use super::Detector;
use crate::classify::begin::{ANY, After, Before, Begin};
use crate::classify::place::Place;
use flotilla_crds::router_config::Detector as Kind;

pub(super) static DETECTOR: Detector = Detector {
    kind: Kind::Phone,
    begins: &[
        Begin::Digits { before: Before::Plus, count: ANY, after: After::Any },
        Begin::Digits { before: Before::NoLetter, count: 1 << 3, after: After::Separator },
        Begin::Digits { before: Before::NoLetter, count: 0b11 << 10, after: After::Any },
    ],
    context: &["phone*", "telephone*", "tel", "cell", "mobile", "fax", "call", "whatsapp"],
    find,
};

fn find(place: &Place<'_>) -> bool {
    international(place) || north_american(place) || (bare(place) && place.in_context())
}

fn international(place: &Place<'_>) -> bool {
    if place.back(1) != Some(b'+') || place.digit(0) == 0 {
        return false;
    }
    let (mut at, mut digits) = (0, 0);
    loop {
        match place.byte(at) {
            Some(byte) if byte.is_ascii_digit() => digits += 1,
            Some(b' ' | b'-' | b'.' | b'(' | b')') if !ends(place, at) => {}
            Some(byte) if byte.is_ascii_alphabetic() => return false,
            _ => break,
        }
        if digits > 15 {
            return false;
        }
        at += 1;
    }
    digits >= 8
}

/// Whether no digit follows within two bytes.
fn ends(place: &Place<'_>, at: usize) -> bool {
    place.run(at + 1) == 0 && (place.run(at + 2) == 0 || !matches!(place.byte(at + 1), Some(b' ' | b'(')))
}

fn north_american(place: &Place<'_>) -> bool {
    if place.digits != 3 || place.digit(0) < 2 {
        return false;
    }
    let in_brackets = place.back(1) == Some(b'(') && place.byte(3) == Some(b')');
    let exchange = match (in_brackets, place.byte(3), place.byte(4)) {
        (true, _, Some(b' ' | b'-')) => 5,
        (true, ..) | (false, Some(b'-' | b'.' | b' '), _) => 4,
        _ => return false,
    };
    let parts = place.run(exchange) == 3
        && place.digit(exchange) >= 2
        && matches!(place.byte(exchange + 3), Some(b'-' | b'.' | b' '))
        && place.run(exchange + 4) == 4;
    let length = exchange + 8;
    let country = place.back(2) == Some(b'1') && matches!(place.back(1), Some(b'-' | b' ' | b'.'));
    parts && (in_brackets || country || place.begins_word()) && place.ends_word(length)
}

fn bare(place: &Place<'_>) -> bool {
    let length = place.digits;
    (length == 10 && place.digit(0) >= 2 || length == 11 && place.digit(0) <= 1) && place.stands_alone(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::testing::{finds, passes};

    #[test]
    fn numbers_as_they_are_written() {
        finds(
            &DETECTOR,
            &[
                "+49 30 901820",
                "+442079460958",
                "+1 (212) 555-0123",
                "(212) 555-0123",
                "(212)555-0123",
                "212-555-0123",
                "212.555.0123,",
                "1-212-555-0123",
                "phone: 2125550123",
                "Tel. 03090182000",
            ],
        );
        passes(
            &DETECTOR,
            &[
                "2125550123",
                "112-555-0123",
                "212-155-0123",
                "212-555-01234",
                "3212-555-0123",
                "1+12",
                "+1 2 3",
                "+0123456789",
                "tell 2125550123",
                "192.168.100.200",
                "2024-11-27 10:00",
            ],
        );
    }
}
