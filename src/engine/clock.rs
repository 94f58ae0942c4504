//! The only reader of time. What it says goes to events, run folders and displays; it never enters a key or an artifact.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Measures from when it was started.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
    began: SystemTime,
}

impl Clock {
    /// Starts measuring.
    #[expect(clippy::disallowed_methods, reason = "the one reader of time")]
    pub fn start() -> Self {
        Self { start: Instant::now(), began: SystemTime::now() }
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// When it was started, in UTC: `2026-11-21T03:14:26Z`.
    pub fn began(&self) -> String {
        let seconds = self.began.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        utc(seconds)
    }

    /// Nanoseconds within the second it was started in: tells runs of the same second apart.
    pub fn began_fraction(&self) -> u32 {
        self.began.duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos())
    }
}

/// Seconds since 1970 as a date and time in UTC (ISO 8601, Gregorian calendar).
fn utc(seconds: u64) -> String {
    let (mut days, rest) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    while days >= days_of_year(year) {
        days -= days_of_year(year);
        year += 1;
    }
    let february = if days_of_year(year) == 366 { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", days + 1)
}

fn days_of_year(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // Checked with `date -u -d @N +%FT%TZ`.
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(utc(seconds), text);
        }
    }
}
