//! Payment card numbers: 13 to 19 digits as cards group them, an issuer's prefix, and Luhn's check digit.
//!
//! ISO/IEC 7812-1 has the length and the check digit; prefixes and lengths are those that the networks publish (Visa,
//! Mastercard, American Express, Diners Club, Discover, JCB, UnionPay).

use super::Detector;
use crate::classify::begin::{After, Before, Begin};
use crate::classify::place::Place;
use flotilla_crds::router_config::Detector as Kind;

pub(super) static DETECTOR: Detector = Detector {
    kind: Kind::CreditCard,
    begins: &[
        Begin::Digits { before: Before::NoLetter, count: 1 << 4, after: After::Separator },
        Begin::Digits { before: Before::NoLetter, count: 0x7F << 13, after: After::Any },
    ],
    context: &[],
    find,
};

/// How cards print their digits.
const GROUPS: [&[usize]; 4] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];
const MOST: usize = 19;

fn find(place: &Place<'_>) -> bool {
    match place.digits {
        // Years stand like this, too, and are told by what follows them.
        4 if matches!(place.run(5), 4 | 6) => GROUPS.into_iter().any(|groups| grouped(place, groups)),
        length @ 13..=MOST => {
            let mut digits = [0; MOST];
            digits.iter_mut().zip(0..length).for_each(|(digit, at)| *digit = place.digit(at));
            place.stands_alone(length) && is_card(&digits[..length])
        }
        _ => false,
    }
}

fn grouped(place: &Place<'_>, groups: &[usize]) -> bool {
    let mut digits = [0; MOST];
    let (mut at, mut count) = (0, 0);
    let separator = place.byte(4);
    if !matches!(separator, Some(b' ' | b'-')) {
        return false;
    }
    for (place_of, group) in groups.iter().enumerate() {
        if place_of > 0 {
            if place.byte(at) != separator {
                return false;
            }
            at += 1;
        }
        if place.run(at) != *group {
            return false;
        }
        for offset in at..at + group {
            digits[count] = place.digit(offset);
            count += 1;
        }
        at += group;
    }
    // More digits may follow: expiry and check value do.
    place.begins_word()
        && !place.byte(at).is_some_and(|b| b.is_ascii_alphabetic())
        && is_card(&digits[..count])
}

fn is_card(digits: &[u8]) -> bool {
    let prefix = |length: usize| digits.iter().take(length).fold(0, |sum, d| sum * 10 + u32::from(*d));
    let issued = match digits.len() {
        13 => prefix(1) == 4,
        14 => matches!(prefix(3), 300..=305) || matches!(prefix(2), 36 | 38 | 39),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            matches!(prefix(1), 4)
                || matches!(prefix(2), 51..=55 | 35 | 62 | 65)
                || matches!(prefix(4), 2221..=2720 | 6011)
                || matches!(prefix(3), 644..=649)
        }
        17 | 18 => prefix(2) == 62,
        19 => prefix(1) == 4 || matches!(prefix(2), 62 | 65) || prefix(4) == 6011,
        _ => false,
    };
    issued && luhn(digits)
}

/// The check digit: from the right, every second digit counts twice, by the sum of its own digits.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match u32::from(*digit) {
            digit if place % 2 == 0 => digit,
            digit if digit > 4 => digit * 2 - 9,
            digit => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::testing::{finds, passes};

    /// The networks' published test numbers.
    #[test]
    fn test_numbers_of_the_networks() {
        finds(
            &DETECTOR,
            &[
                "4111111111111111",
                "4111 1111 1111 1111",
                "card 4111-1111-1111-1111 123",
                "5555555555554444",
                "2223003122003222",
                "378282246310005",
                "3782 822463 10005",
                "30569309025904",
                "3056 930902 5904",
                "6011111111111117",
                "3530111333300000",
                "4222222222222",
                "6205500000000000004",
            ],
        );
        passes(
            &DETECTOR,
            &[
                "4111111111111112",
                "4111 1111-1111 1111",
                "4111 1111 1111 111",
                "1234567812345670",
                "41111111111111111",
                "x4111111111111111",
                "4111111111111111x",
                "0.4111111111111111",
                "4111,1111,1111,1111",
            ],
        );
    }

    #[test]
    fn one_wrong_digit_is_noticed() {
        let card = [4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1];
        assert!(luhn(&card));
        for place in 0..card.len() {
            for more in 1..10 {
                let mut wrong = card;
                wrong[place] = (wrong[place] + more) % 10;
                assert!(!luhn(&wrong));
            }
        }
    }
}
