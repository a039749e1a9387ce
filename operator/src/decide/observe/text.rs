//! Figures in lines of logs.

const MIB: f64 = 1_048_576.0;
/// No GPU has as much: what is beyond is a misread line.
const LARGEST_MIB: f64 = 1_073_741_824.0;

/// The first word after `before`, without punctuation at its end.
pub(super) fn word_after<'a>(line: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(before)?;
    let word = rest.split_whitespace().next()?.trim_end_matches([',', ';', ')', ':']);
    (!word.is_empty()).then_some(word)
}

/// An amount like `1918.35 MiB`, `14.25 GiB` or `14.25GiB` that follows `before`, in bytes.
///
/// Engines that write `GB` or `MB` mean GiB and MiB: PyTorch's counters divided by 2^30.
pub(super) fn bytes_after(line: &str, before: &str) -> Option<u64> {
    let (_, rest) = line.split_once(before)?;
    let rest = rest.trim_start();
    let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
    let (number, unit) = rest.split_at_checked(digits)?;
    let number: f64 = number.parse().ok()?;
    let unit: String = unit.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    let mib = match unit.as_str() {
        "GiB" | "GB" => number * 1024.0,
        "MiB" | "MB" => number,
        "KiB" | "KB" => number / 1024.0,
        _ => return None,
    };
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be finite, positive and far below 2^64"
    )]
    (mib.is_finite() && (0.0..LARGEST_MIB).contains(&mib)).then(|| (mib * MIB).round() as u64)
}

/// A lasting sum of figures that may be missing.
pub(super) fn add(sum: &mut Option<u64>, bytes: Option<u64>) {
    if let Some(bytes) = bytes {
        *sum = Some(sum.unwrap_or_default().saturating_add(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_and_without_a_blank() {
        for (line, bytes) in [
            ("size =   6.14 MiB", Some(6_438_257)),
            ("size = 14.25GiB; rest", Some(15_300_820_992)),
            ("size = 0 MiB", Some(0)),
            ("size = 1 TiB", None),
            ("size = -1 MiB", None),
            ("size = 99999999999999999999 GiB", None),
            ("size = ", None),
            ("size = é", None),
        ] {
            assert_eq!(bytes_after(line, "size ="), bytes, "{line}");
        }
    }

    #[test]
    fn words_lose_their_punctuation() {
        assert_eq!(word_after("engine (v0.19.0) with", "engine ("), Some("v0.19.0"));
        assert_eq!(word_after("arch = llama", "arch ="), Some("llama"));
        assert_eq!(word_after("arch = ", "arch ="), None);
    }
}
