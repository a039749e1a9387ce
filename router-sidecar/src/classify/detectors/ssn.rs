//! US Social Security numbers: `AAA-GG-SSSS`, or nine digits in context.
//!
//! Numbers that were never assigned are none: area 000, 666 or 900 and above, group 00, serial 0000 (Social Security
//! Administration, "SSN Randomization").

use super::Detector;
use crate::classify::begin::{After, Before, Begin};
use crate::classify::place::Place;
use flotilla_crds::router_config::Detector as Kind;

pub(super) static DETECTOR: Detector = Detector {
    kind: Kind::SSN,
    begins: &[
        Begin::Digits { before: Before::NoLetter, count: 1 << 3, after: After::Separator },
        Begin::Digits { before: Before::NoLetter, count: 1 << 9, after: After::Any },
    ],
    context: &["ssn", "social security", "soc sec"],
    find,
};

fn find(place: &Place<'_>) -> bool {
    let (area, group, serial, length, plain) = match place.digits {
        3 => {
            let separator = place.byte(3);
            let apart = matches!(separator, Some(b'-' | b' ' | b'.')) && place.byte(6) == separator;
            if !apart || place.run(4) != 2 || place.run(7) != 4 {
                return false;
            }
            (place.number(0, 3), place.number(4, 2), place.number(7, 4), 11, false)
        }
        9 => (place.number(0, 3), place.number(3, 2), place.number(5, 4), 9, true),
        _ => return false,
    };
    let assigned = area != 0 && area != 666 && area < 900 && group != 0 && serial != 0;
    assigned && place.stands_alone(length) && (!plain || place.in_context())
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
                "123-45-6789",
                "my ssn is 123 45 6789.",
                "(123-45-6789)",
                "001.01.0001",
                "SSN:123456789",
                "Social Security number 123456789",
                "id=123-45-6789;",
            ],
        );
        passes(
            &DETECTOR,
            &[
                "000-12-3456",
                "666-12-3456",
                "900-12-3456",
                "123-00-4567",
                "123-45-0000",
                "123-45 6789",
                "1123-45-6789",
                "123-45-67890",
                "2-123-45-6789",
                "123-45-6789-1",
                "x123-45-6789",
                "order 123456789",
                "lessn 123456789",
            ],
        );
    }
}
