//! Quantities as people type them, read exactly: no floats, no rounding, no silent cut.
//!
//! Sizes carry a unit (`512MiB`, `1.5GiB`, `2GB`, `4096B`), durations too (`500ms`, `10s`, `1.5m`, `2h`); cpus are counted in
//! PUs with at most three decimals. Every error repeats the text and shows how to write it.

use thiserror::Error;

/// Units of size in bytes; binary ones with an `i`, decimal ones without.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

/// Units of time in milliseconds.
const TIME_UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A text that is not the quantity asked for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum QuantityError {
    /// Not a number with a unit of size.
    #[error("`{0}` is not a size: write a number and a unit, such as 512MiB, 1.5GiB or 2GB")]
    Size(String),
    /// Not a number with a unit of time.
    #[error("`{0}` is not a duration: write a number and a unit, such as 500ms, 10s, 5m or 2h")]
    Duration(String),
    /// Not a number of PUs in thousandths.
    #[error("`{0}` is not a part of the shared cores: write a number above 0 with at most three decimals, such as 0.5")]
    SharedCpus(String),
    /// Not a whole number of PUs.
    #[error(
        "`{0}` is not a number of exclusive cpus: write a whole number from 1 up; for parts of a cpu use --shared-cpus"
    )]
    ExclusiveCpus(String),
    /// Not a pair.
    #[error("`{0}` is not a setting of the environment: write NAME=VALUE")]
    Environment(String),
}

/// Reads a size into bytes.
pub(crate) fn size_bytes(text: &str) -> Result<u64, QuantityError> {
    with_unit(text, &SIZE_UNITS).ok_or_else(|| QuantityError::Size(text.to_owned()))
}

/// Reads a duration into milliseconds.
pub(crate) fn duration_ms(text: &str) -> Result<u64, QuantityError> {
    with_unit(text, &TIME_UNITS).ok_or_else(|| QuantityError::Duration(text.to_owned()))
}

/// Reads a duration that travels as 32 bits of milliseconds (49 days).
pub(crate) fn short_duration_ms(text: &str) -> Result<u32, QuantityError> {
    duration_ms(text)?.try_into().map_err(|_| QuantityError::Duration(text.to_owned()))
}

/// Reads a part of the shared pool into thousandths of a PU.
pub(crate) fn shared_cpu_milli(text: &str) -> Result<u32, QuantityError> {
    scaled(text, 1_000)
        .and_then(|milli| u32::try_from(milli).ok())
        .filter(|milli| *milli > 0)
        .ok_or_else(|| QuantityError::SharedCpus(text.to_owned()))
}

/// Reads a number of exclusive PUs.
pub(crate) fn exclusive_pus(text: &str) -> Result<u32, QuantityError> {
    digits(text)
        .and_then(|pus| u32::try_from(pus).ok())
        .filter(|pus| *pus > 0)
        .ok_or_else(|| QuantityError::ExclusiveCpus(text.to_owned()))
}

/// Reads `NAME=VALUE`; the value may be empty and may hold further `=`.
pub(crate) fn environment(text: &str) -> Result<(String, String), QuantityError> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(QuantityError::Environment(text.to_owned())),
    }
}

fn with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(at);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    scaled(number, *scale)
}

/// `number * scale` when that is whole and fits; `number` is decimal digits with at most one point between them.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, fraction)| (whole, Some(fraction)));
    let whole = digits(whole)?.checked_mul(scale)?;
    let Some(fraction) = fraction else { return Some(whole) };
    let divisor = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let product = u128::from(digits(fraction)?) * u128::from(scale);
    let part = (product % divisor == 0).then_some(product / divisor)?;
    whole.checked_add(u64::try_from(part).ok()?)
}

/// Digits and nothing else; `u64::from_str` would let a sign pass.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact_bytes() {
        for (text, bytes) in [
            ("4096B", 4_096),
            ("512MiB", 512 << 20),
            ("1.5GiB", 3 << 29),
            ("2GB", 2_000_000_000),
            ("0.001kB", 1),
            ("0B", 0),
            ("16777215TiB", 16_777_215 << 40),
        ] {
            assert_eq!(size_bytes(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_exact_size_is_refused_and_repeated() {
        for text in [
            "",
            "512",
            "MiB",
            "1.5B",
            "-1MiB",
            "+1MiB",
            "1 MiB",
            "1mib",
            "1.MiB",
            ".5MiB",
            "1.2.3GiB",
            "16777216TiB",
            "1e3B",
            "٣MiB",
            "0.00000000000000000000000000000000000000000000001TiB",
        ] {
            let error = size_bytes(text).expect_err(text).to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("512MiB"), "{error}");
        }
    }

    #[test]
    fn durations_are_exact_milliseconds() {
        for (text, ms) in
            [("500ms", 500), ("10s", 10_000), ("1.5m", 90_000), ("2h", 7_200_000), ("0.25s", 250), ("0s", 0)]
        {
            assert_eq!(duration_ms(text), Ok(ms), "{text}");
        }
        for text in ["10", "1.5ms", "s", "10 s", "10sec", "999999999999999999d"] {
            assert!(duration_ms(text).is_err(), "{text}");
        }
        assert!(short_duration_ms("49d").is_ok());
        assert!(short_duration_ms("50d").is_err());
    }

    #[test]
    fn cpus_are_whole_when_exclusive_and_thousandths_when_shared() {
        assert_eq!(shared_cpu_milli("0.5"), Ok(500));
        assert_eq!(shared_cpu_milli("2"), Ok(2_000));
        assert_eq!(shared_cpu_milli("0.001"), Ok(1));
        for text in ["0", "0.0005", "-1", "", "4294968", "half"] {
            assert!(shared_cpu_milli(text).is_err(), "{text}");
        }
        assert_eq!(exclusive_pus("2"), Ok(2));
        for text in ["0", "0.5", "-1", "", "4294967296"] {
            assert!(exclusive_pus(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_environment_is_split_at_the_first_equals_sign() {
        assert_eq!(environment("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(environment("A="), Ok(("A".to_owned(), String::new())));
        assert!(environment("A").is_err() && environment("=b").is_err());
    }
}
