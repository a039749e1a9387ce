//! International bank account numbers (ISO 13616): a country, two check digits, and what the country puts there.

use super::Detector;
use crate::classify::begin::{ANY, After, Before, Begin};
use crate::classify::place::Place;
use flotilla_crds::router_config::Detector as Kind;

pub(super) static DETECTOR: Detector = Detector {
    kind: Kind::IBAN,
    begins: &[Begin::Digits { before: Before::Letter, count: ANY & !0b11, after: After::Any }],
    context: &[],
    find,
};

/// Countries with the length of their numbers, by the registry that SWIFT keeps.
const LENGTHS: [(usize, &[&[u8; 2]]); 18] = [
    (15, &[b"NO"]),
    (16, &[b"BE"]),
    (18, &[b"DK", b"FI", b"FO", b"GL", b"NL"]),
    (19, &[b"MK", b"SI"]),
    (20, &[b"AT", b"BA", b"EE", b"KZ", b"LT", b"LU", b"XK"]),
    (21, &[b"CH", b"HR", b"LI", b"LV"]),
    (22, &[b"BG", b"BH", b"CR", b"DE", b"GB", b"GE", b"IE", b"ME", b"RS", b"VA"]),
    (23, &[b"AE", b"GI", b"IL", b"IQ", b"TL"]),
    (24, &[b"AD", b"CZ", b"ES", b"MD", b"PK", b"RO", b"SA", b"SE", b"SK", b"TN", b"VG"]),
    (25, &[b"LY", b"PT", b"ST"]),
    (26, &[b"IS", b"TR"]),
    (27, &[b"FR", b"GR", b"IT", b"MC", b"MR", b"SM"]),
    (28, &[b"AL", b"AZ", b"BY", b"CY", b"DO", b"EG", b"GT", b"HU", b"LB", b"PL", b"SV"]),
    (29, &[b"BR", b"PS", b"QA", b"UA"]),
    (30, &[b"JO", b"KW", b"MU"]),
    (31, &[b"MT", b"SC"]),
    (32, &[b"LC"]),
    (33, &[b"RU"]),
];
const MOST: usize = 33;

fn find(place: &Place<'_>) -> bool {
    let (Some(first), Some(second)) = (place.back(2), place.back(1)) else {
        return false;
    };
    if place.back(3).is_some_and(|b| b.is_ascii_alphanumeric()) {
        return false;
    }
    let country = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
    let Some((length, _)) = LENGTHS.iter().find(|(_, countries)| countries.contains(&&country)) else {
        return false;
    };
    let mut number = [0_u8; MOST];
    number[..2].copy_from_slice(&country);
    let (mut at, mut count) = (0, 2);
    while count < *length {
        match place.byte(at) {
            Some(byte) if byte.is_ascii_alphanumeric() => {
                number[count] = byte.to_ascii_uppercase();
                count += 1;
            }
            // Written in groups of four, mostly.
            Some(b' ' | b'-') if place.byte(at + 1).is_some_and(|b| b.is_ascii_alphanumeric()) => {}
            _ => return false,
        }
        at += 1;
    }
    !place.byte(at).is_some_and(|b| b.is_ascii_alphanumeric()) && checks(&number[..count])
}

/// The first four characters go to the end, letters count from 10, and the number is 1 modulo 97.
fn checks(number: &[u8]) -> bool {
    let (head, rest) = number.split_at(4);
    let rest = rest.iter().chain(head).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::testing::{finds, passes};

    /// Examples of the registry.
    #[test]
    fn examples_of_the_registry() {
        finds(
            &DETECTOR,
            &[
                "DE89370400440532013000",
                "GB29 NWBK 6016 1331 9268 19",
                "iban fr1420041010050500013m02606.",
                "NO93 8601 1117 947",
                "MT84MALT011000012345MTLCAST001S",
                "NL91-ABNA-0417-1643-00",
                "BE68 5390 0754 7034",
            ],
        );
        passes(
            &DETECTOR,
            &[
                "DE89370400440532013001",
                "DE8937040044053201300",
                "DE893704004405320130000",
                "ADE89370400440532013000",
                "ZZ89370400440532013000",
                "GB29 NWBK 6016  1331 9268 19",
                "DE",
                "DE8",
            ],
        );
    }
}
