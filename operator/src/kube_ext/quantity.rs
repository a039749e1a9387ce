//! Memory as Kubernetes quantities.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// A quantity that is no amount of memory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no amount of memory: write a number with a unit, like 14Gi")]
pub struct QuantityError(pub String);

/// `mib` MiB as a quantity.
pub fn mib(mib: u64) -> Quantity {
    Quantity(format!("{mib}Mi"))
}

/// Units and their bytes; the longer suffix first.
const UNITS: [(&str, f64); 10] = [
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("m", 1e-3),
    ("", 1.0),
];

/// The quantity in MiB, rounded up.
pub fn to_mib(quantity: &Quantity) -> Result<u64, QuantityError> {
    let error = || QuantityError(quantity.0.clone());
    let (number, bytes) = UNITS
        .iter()
        .find_map(|(suffix, bytes)| quantity.0.strip_suffix(suffix).map(|number| (number, *bytes)))
        .ok_or_else(error)?;
    let number: f64 = number.parse().map_err(|_| error())?;
    let mib = (number * bytes / UNITS[1].1).ceil();
    // 2^53 MiB is where floats stop counting by one, and far beyond any memory.
    if !(mib.is_finite() && (0.0..9_007_199_254_740_992.0).contains(&mib)) {
        return Err(error());
    }
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range just above"
    )]
    Ok(mib as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_in_every_unit_and_rounded_up() {
        for (text, expected) in [
            ("14Gi", 14_336),
            ("1048577", 2),
            ("16G", 15_259),
            ("1.5Gi", 1536),
            ("512Mi", 512),
            ("1", 1),
            ("1Ki", 1),
        ] {
            assert_eq!(to_mib(&Quantity(text.to_owned())), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "Gi", "-1Gi", "many", "inf", "NaN", "1e300Ti"] {
            assert!(to_mib(&Quantity(text.to_owned())).is_err(), "{text}");
        }
    }
}
