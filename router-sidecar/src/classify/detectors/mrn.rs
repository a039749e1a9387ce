//! Medical record numbers: each hospital has its own form, so a number counts where the text says what it is.

use super::Detector;
use crate::classify::begin::{After, Before, Begin};
use crate::classify::place::Place;
use flotilla_crds::router_config::Detector as Kind;

pub(super) static DETECTOR: Detector = Detector {
    kind: Kind::MRN,
    begins: &[
        Begin::Digits { before: Before::Any, count: 0xFF << 5, after: After::Any },
        Begin::Digits { before: Before::Any, count: 0b111 << 2, after: After::Dash },
    ],
    context: &[
        "mrn",
        "medical record",
        "patient id",
        "patient no",
        "patient number",
        "patient identifier",
        "chart number",
        "hospital number",
    ],
    find,
};

fn find(place: &Place<'_>) -> bool {
    // Some have letters before the digits, or a dash inside.
    let digits = match (place.digits, place.byte(place.digits)) {
        (first @ 2..=6, Some(b'-')) => first + place.run(first + 1),
        (first, _) => first,
    };
    (5..=12).contains(&digits) && place.in_context()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::testing::{finds, passes};

    #[test]
    fn numbers_that_the_text_calls_so() {
        finds(
            &DETECTOR,
            &[
                "MRN 0012345",
                "mrn: AB123456",
                "{\"mrn\":\"12345678\"}",
                "Medical Record Number 12-34567",
                "patient_id=99999, Patient ID 1234567",
            ],
        );
        passes(
            &DETECTOR,
            &["0012345", "MRN 1234", "MRN 1234567890123", "mrna 1234567", "the room number 12345"],
        );
        // Too far away to belong to it.
        passes(&DETECTOR, &[&format!("MRN is what we call it {} 1234567", "and so on ".repeat(10))]);
    }
}
