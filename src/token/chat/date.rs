//! A calendar day, and how Python's `strftime` writes it.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A day of the Gregorian calendar, written `2026-11-21`. Chat templates that write today's date are given this one, at
/// midnight, because what they write must not depend on when a recipe runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// 1 to 9999.
    year: u32,
    /// 1 to 12.
    month: u32,
    /// 1 to 31.
    day: u32,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

impl Date {
    /// Reads `YYYY-MM-DD`; `None` if that is no day.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |part: &str, count: usize| {
            let fine = part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
            fine.then(|| part.parse().ok()).flatten()
        };
        let mut parts = text.split('-');
        let date = Self {
            year: digits(parts.next()?, 4)?,
            month: digits(parts.next()?, 2)?,
            day: digits(parts.next()?, 2)?,
        };
        let valid = date.year >= 1
            && (1..=12).contains(&date.month)
            && (1..=date.days_in_month(date.month)).contains(&date.day);
        (parts.next().is_none() && valid).then_some(date)
    }

    /// The date in a format of Python's `strftime`; the directive it does not know, otherwise.
    pub fn strftime(&self, format: &str) -> Result<String, String> {
        let mut text = String::new();
        let mut rest = format.chars();
        while let Some(character) = rest.next() {
            if character != '%' {
                text.push(character);
                continue;
            }
            let mut directive: String = rest.next().into_iter().collect();
            if directive == "-" {
                directive.extend(rest.next());
            }
            text.push_str(&self.directive(&directive).ok_or_else(|| format!("%{directive}"))?);
        }
        Ok(text)
    }

    fn directive(&self, directive: &str) -> Option<String> {
        let Self { year, month, day } = *self;
        let month_name = MONTHS[month as usize - 1];
        let weekday = self.weekday();
        let short = |name: &str| name.chars().take(3).collect::<String>();
        Some(match directive {
            "Y" => year.to_string(),
            "y" => format!("{:02}", year % 100),
            "m" => format!("{month:02}"),
            "-m" => month.to_string(),
            "B" => month_name.to_owned(),
            "b" | "h" => short(month_name),
            "d" => format!("{day:02}"),
            "-d" => day.to_string(),
            "e" => format!("{day:2}"),
            "A" => DAYS[weekday].to_owned(),
            "a" => short(DAYS[weekday]),
            "w" => weekday.to_string(),
            "u" => (if weekday == 0 { 7 } else { weekday }).to_string(),
            "j" => format!("{:03}", self.day_of_year()),
            "-j" => self.day_of_year().to_string(),
            "F" => self.to_string(),
            "D" => format!("{month:02}/{day:02}/{:02}", year % 100),
            // Midnight.
            "H" | "M" | "S" => "00".to_owned(),
            "-H" | "-M" | "-S" => "0".to_owned(),
            "I" | "-I" => "12".to_owned(),
            "p" => "AM".to_owned(),
            "f" => "000000".to_owned(),
            "T" => "00:00:00".to_owned(),
            "R" => "00:00".to_owned(),
            // Python's `datetime.now()` knows no time zone.
            "Z" | "z" => String::new(),
            "n" => "\n".to_owned(),
            "t" => "\t".to_owned(),
            "%" => "%".to_owned(),
            _ => return None,
        })
    }

    fn is_leap(&self) -> bool {
        (self.year.is_multiple_of(4) && !self.year.is_multiple_of(100)) || self.year.is_multiple_of(400)
    }

    fn days_in_month(&self, month: u32) -> u32 {
        match month {
            2 => 28 + u32::from(self.is_leap()),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    fn day_of_year(&self) -> u32 {
        (1..self.month).map(|month| self.days_in_month(month)).sum::<u32>() + self.day
    }

    /// 0 for Sunday.
    fn weekday(&self) -> usize {
        let before = self.year - 1;
        // 1 January of year 1 was a Monday.
        let days = before * 365 + before / 4 - before / 100 + before / 400 + self.day_of_year();
        (days % 7) as usize
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| de::Error::custom(format!("not a day written as \"2026-11-21\": `{text}`")))
    }
}

impl JsonSchema for Date {
    fn schema_name() -> Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A day, such as `2026-11-21`.",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_what_is_none_is_refused() {
        for day in ["2026-11-21", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(Date::parse(day).unwrap().to_string(), day);
        }
        let wrong = ["2023-02-29", "1900-02-29", "2024-13-01", "2024-00-01", "2024-04-31", "0000-01-01"];
        for day in wrong.iter().chain(&["2024-1-01", "24-01-01", "2024-01-01-", "+024-01-01", "today", ""]) {
            assert!(Date::parse(day).is_none(), "{day}");
        }
    }

    /// The right-hand sides are Python's.
    #[test]
    fn dates_are_written_as_python_writes_them() {
        let cases = [
            ("2024-07-26", "%d %b %Y", "26 Jul 2024"),
            ("2026-11-21", "%A, %-d %B %Y", "Saturday, 21 November 2026"),
            ("2000-01-01", "%a %w %u %j", "Sat 6 6 001"),
            ("2023-12-31", "%a %w %u %j %y", "Sun 0 7 365 23"),
            ("2024-12-31", "%j|%e|%D|%F", "366|31|12/31/24|2024-12-31"),
            ("0999-03-04", "%F %-m/%-d %e %H:%M:%S %I %p 100%%", "0999-03-04 3/4  4 00:00:00 12 AM 100%"),
            ("1900-03-01", "%A", "Thursday"),
        ];
        for (day, format, expected) in cases {
            assert_eq!(Date::parse(day).unwrap().strftime(format).unwrap(), expected, "{day} {format}");
        }
        let day = Date::parse("2024-07-26").unwrap();
        assert_eq!(day.strftime("%Q"), Err("%Q".to_owned()));
        assert_eq!(day.strftime("50%"), Err("%".to_owned()));
    }
}
