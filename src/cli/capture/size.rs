//! Sizes as people write them: `10MB`, `512KiB`.

/// The smallest file: the head and the largest datagram fit.
const LEAST: u64 = 100_000;

/// Reads `10MB`, `1GiB`, `500kB`; the error says what to write instead.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim().trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = text.trim().strip_prefix(digits).unwrap_or_default().trim().to_ascii_lowercase();
    let unit: u64 = match unit.as_str() {
        "b" => 1,
        "k" | "kb" => 1000,
        "kib" => 1 << 10,
        "m" | "mb" => 1_000_000,
        "mib" => 1 << 20,
        "g" | "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        _ => return Err("write a number and a unit, such as 10MB, 512KiB, 1GB".to_owned()),
    };
    let size = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    let size = size.ok_or_else(|| "write a whole number and a unit, such as 10MB".to_owned())?;
    if size < LEAST { Err("a file has 100kB at least".to_owned()) } else { Ok(size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, size) in
            [("10MB", 10_000_000), ("100kB", 100_000), ("1 GiB", 1 << 30), ("200000b", 200_000)]
        {
            assert_eq!(parse_size(text), Ok(size), "{text}");
        }
        for wrong in ["", "10", "MB", "1.5GB", "-5MB", "99kB", "99999999999999999999GB", "10 parsec"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
