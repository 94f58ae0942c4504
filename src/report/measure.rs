//! Durations, rates, counts and sizes as people read them. The terminal and the report share these words.

/// A duration: `0.04 s`, `0.2 s`, `14 s`, `3 min 05 s`, `2 h 07 min`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "-".to_owned();
    }
    if seconds < 0.095 {
        return format!("{seconds:.2} s");
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A whole number with groups of three: `13,204`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate: `12,034 tokens/s`, `3.2 questions/s`.
pub fn rate(per_second: f64, unit: &str) -> String {
    if !per_second.is_finite() || per_second < 0.0 {
        return String::new();
    }
    if per_second >= 9.95 {
        format!("{} {unit}/s", count(per_second.round() as u64))
    } else {
        format!("{per_second:.1} {unit}/s")
    }
}

/// A size: `512 B`, `29.1 MB`.
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if size < 1000 {
        return format!("{size} B");
    }
    let mut value = size as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A percentage with one digit: `83.7`; a dash when there is none.
pub fn percent(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
}

/// A difference in percentage points with its sign: `+2.1`; empty when there is none.
pub fn points(difference: Option<f64>) -> String {
    let Some(difference) = difference.filter(|difference| difference.is_finite()) else {
        return String::new();
    };
    let rounded = (difference * 10.0).round() / 10.0;
    if rounded == 0.0 { "±0.0".to_owned() } else { format!("{rounded:+.1}").replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_change_unit_where_people_do() {
        let shown: Vec<String> =
            [0.04, 9.94, 9.96, 59.6, 185.0, 7_620.0, f64::NAN].into_iter().map(duration).collect();
        assert_eq!(shown, ["0.04 s", "9.9 s", "10 s", "1 min 00 s", "3 min 05 s", "2 h 07 min", "-"]);
    }

    #[test]
    fn numbers_are_grouped_and_sizes_are_decimal() {
        assert_eq!(
            [count(0), count(999), count(13_204), count(1_000_000)],
            ["0", "999", "13,204", "1,000,000"]
        );
        assert_eq!([bytes(512), bytes(29_100_000), bytes(999_999)], ["512 B", "29.1 MB", "1.0 MB"]);
        assert_eq!([rate(3.21, "rows"), rate(12_034.2, "tokens")], ["3.2 rows/s", "12,034 tokens/s"]);
    }

    #[test]
    fn differences_carry_their_sign() {
        assert_eq!(
            [points(Some(2.1)), points(Some(-3.04)), points(Some(0.01)), points(None)],
            ["+2.1", "−3.0", "±0.0", ""]
        );
        assert_eq!([percent(Some(83.74)), percent(None)], ["83.7", "-"]);
    }
}
