//! ICD-10 codes: a letter, a digit, a digit or A or B, and up to four characters behind a dot (WHO; ICD-10-CM has the
//! longer ones). Many other things look like that, so it counts where the text speaks of diagnoses.

use super::Detector;
use crate::classify::begin::{ANY, After, Before, Begin};
use crate::classify::place::Place;
use flotilla_crds::router_config::Detector as Kind;

pub(super) static DETECTOR: Detector = Detector {
    kind: Kind::ICD10,
    begins: &[Begin::Digits { before: Before::Letter, count: ANY, after: After::Any }],
    context: &["icd*", "diagnos*", "dx", "hx", "billing code", "principal code"],
    find,
};

fn find(place: &Place<'_>) -> bool {
    if place.back(2).is_some_and(|b| b.is_ascii_alphanumeric() || b == b'.') {
        return false;
    }
    if !place.byte(1).is_some_and(|b| b.is_ascii_digit() || matches!(b, b'A' | b'B' | b'a' | b'b')) {
        return false;
    }
    let tail = |from: usize| {
        (from..from + 5).take_while(|at| place.byte(*at).is_some_and(|b| b.is_ascii_alphanumeric())).count()
    };
    let dotted = place.byte(2) == Some(b'.') && tail(3) > 0;
    let length = if dotted { 3 + tail(3) } else { 2 + tail(2) };
    // With the dot or without, four more characters at most.
    length <= if dotted { 7 } else { 6 } && place.ends_word(length) && place.around_context()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::testing::{finds, passes};

    #[test]
    fn codes_where_the_text_speaks_of_diagnoses() {
        finds(
            &DETECTOR,
            &[
                "Diagnosis: E11.9",
                "dx J45",
                "ICD-10-CM S72.001A",
                "F32.1 (ICD-10)",
                "diagnosed with type 2 diabetes (e119)",
                "icd10: C7A.1",
            ],
        );
        passes(
            &DETECTOR,
            &[
                "E11.9",
                "room B12",
                "dx: paper A4",
                "diagnosis XE11.9",
                "diagnosis E11.12345",
                "diagnosis v1.E11",
                "icd version 10",
            ],
        );
    }
}
