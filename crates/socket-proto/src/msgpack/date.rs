//! Dates in the form in which JavaScript writes them to JSON.

use std::fmt::Write;

/// Appends a date as JavaScript's `toISOString` writes it, in quotes: `"2026-11-24T12:00:00.000Z"`, or
/// `null` for a time that JavaScript has no date for.
pub(super) fn push_date(out: &mut String, milliseconds: i64) {
    if milliseconds.unsigned_abs() > MILLISECONDS_MAX {
        out.push_str("null");
        return;
    }
    let (days, rest) = (milliseconds.div_euclid(DAY), milliseconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let written = match year {
        0..=9999 => write!(out, "\"{year:04}"),
        _ => write!(out, "\"{}{:06}", if year < 0 { '-' } else { '+' }, year.abs()),
    };
    let (hour, minute, second) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1_000 % 60);
    let written = written.and_then(|()| {
        let milli = rest % 1_000;
        write!(out, "-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z\"")
    });
    debug_assert!(written.is_ok(), "a string takes everything");
}

/// Year, month and day of the day that is this many days after 1970-01-01, in the calendar that
/// counts from March, where the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let since_0000_03_01 = days + 719_468;
    let (era, day) = (
        since_0000_03_01.div_euclid(DAYS_OF_400_YEARS),
        since_0000_03_01.rem_euclid(DAYS_OF_400_YEARS),
    );
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day + 2) / 153;
    let day = day - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (400 * era + year + i64::from(month <= 2), month, day)
}

const DAY: i64 = 86_400_000;
/// 100,000,000 days, the furthest a JavaScript date is from 1970.
const MILLISECONDS_MAX: u64 = 8_640_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected texts come from Node.
    #[test]
    fn dates_are_those_of_javascript() {
        for (milliseconds, text) in [
            (0, "\"1970-01-01T00:00:00.000Z\""),
            (-1, "\"1969-12-31T23:59:59.999Z\""),
            (951_782_400_000, "\"2000-02-29T00:00:00.000Z\""),
            (1_795_564_799_123, "\"2026-11-24T23:59:59.123Z\""),
            (4_107_542_400_000, "\"2100-03-01T00:00:00.000Z\""),
            (-62_167_219_200_000, "\"0000-01-01T00:00:00.000Z\""),
            (-62_167_219_200_001, "\"-000001-12-31T23:59:59.999Z\""),
            (253_402_300_800_000, "\"+010000-01-01T00:00:00.000Z\""),
            (8_640_000_000_000_000, "\"+275760-09-13T00:00:00.000Z\""),
            (-8_640_000_000_000_000, "\"-271821-04-20T00:00:00.000Z\""),
            (8_640_000_000_000_001, "null"),
            (i64::MIN, "null"),
        ] {
            let mut out = String::new();
            push_date(&mut out, milliseconds);
            assert_eq!(out, text, "{milliseconds}");
        }
    }
}
