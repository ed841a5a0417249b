//! What the page may ask for, and within which bounds.

use serde_json::Value;

use super::board::RECORDS_MAX;
use super::contract::{FromPage, Limits, Settings};
use super::tap::{CONNECTIONS_MAX, HELD_BYTES_MAX};

/// The most visits at the same time.
pub(crate) const VISITS_MAX: usize = 8;

/// What is sent when a visit begins.
pub(crate) const FIRST: Settings = Settings { rate: 2.0, size: 200, burst: 1, running: true };

/// Between which bounds the page may set what.
pub(crate) const LIMITS: Limits = Limits {
    rate_min: 0.1,
    rate_max: 100.0,
    size_min: 64,
    size_max: 65_536,
    burst_max: 200,
    events_per_second_max: 2_000,
    event_bytes_per_second_max: 4_000_000,
    delay_ms_max: 5_000,
    line_bytes_per_second_min: 100,
    line_bytes_per_second_max: 100_000_000,
    cut_ms_max: 60_000,
    race_ms_max: 10_000,
    connections_max: CONNECTIONS_MAX,
    held_bytes_max: HELD_BYTES_MAX as u32,
    records_per_second_max: RECORDS_MAX as u32 * 10,
    visits_max: VISITS_MAX as u32,
};

/// A message of the page's, or the `type` that it says and why it is none.
pub(crate) fn parse(text: &str) -> Result<FromPage, (String, String)> {
    serde_json::from_str(text).map_err(|error| {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let of = value.get("type").and_then(Value::as_str).unwrap_or_default();
        let of: String = of.chars().take(32).collect();
        (of, format!("this is no message of the lab's: {error}"))
    })
}

/// The `type` of a message.
pub(crate) fn name(message: &FromPage) -> &'static str {
    match message {
        FromPage::Set { .. } => "set",
        FromPage::Line { .. } => "line",
        FromPage::Cut { .. } => "cut",
        FromPage::Watch { .. } => "watch",
        FromPage::Race {} => "race",
        FromPage::Reset {} => "reset",
    }
}

/// The settings after a change, or why there is none.
pub(crate) fn set(
    now: Settings,
    rate: Option<f64>,
    size: Option<u32>,
    burst: Option<u32>,
    running: Option<bool>,
) -> Result<Settings, String> {
    let new = Settings {
        rate: rate.unwrap_or(now.rate),
        size: size.unwrap_or(now.size),
        burst: burst.unwrap_or(now.burst),
        running: running.unwrap_or(now.running),
    };
    within("rate", new.rate, LIMITS.rate_min, LIMITS.rate_max)?;
    within("size", new.size.into(), LIMITS.size_min.into(), LIMITS.size_max.into())?;
    within("burst", new.burst.into(), 1.0, LIMITS.burst_max.into())?;
    let events = new.rate * f64::from(new.burst);
    if events > f64::from(LIMITS.events_per_second_max) {
        let max = LIMITS.events_per_second_max;
        return Err(format!("rate times burst has to be at most {max}; lower one of them"));
    }
    if events * f64::from(new.size) > f64::from(LIMITS.event_bytes_per_second_max) {
        let max = LIMITS.event_bytes_per_second_max;
        return Err(format!(
            "rate times burst times size has to be at most {max}; lower one of them"
        ));
    }
    Ok(new)
}

pub(crate) fn check_line(
    delay_ms: Option<u32>,
    bytes_per_second: Option<u32>,
) -> Result<(), String> {
    if let Some(delay) = delay_ms {
        within("delay_ms", delay.into(), 0.0, LIMITS.delay_ms_max.into())?;
    }
    match bytes_per_second {
        None | Some(0) => Ok(()),
        Some(bytes) => {
            let (min, max) = (LIMITS.line_bytes_per_second_min, LIMITS.line_bytes_per_second_max);
            within("bytes_per_second", bytes.into(), min.into(), max.into())
        }
    }
}

pub(crate) fn check_cut(for_ms: u32) -> Result<(), String> {
    within("for_ms", for_ms.into(), 0.0, LIMITS.cut_ms_max.into())
}

fn within(name: &str, value: f64, min: f64, max: f64) -> Result<(), String> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(format!("{name} is {value}; it has to be from {min} to {max}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_refused_with_the_bounds() {
        let set = |rate, size, burst| set(FIRST, rate, size, burst, None);
        assert_eq!(set(Some(100.0), None, Some(20)).unwrap().burst, 20);
        assert_eq!(set(Some(0.1), Some(64), None).unwrap().size, 64);
        for (rate, size, burst, word) in [
            (Some(0.0), None, None, "rate is 0; it has to be from 0.1 to 100"),
            (Some(-1.0), None, None, "rate"),
            (None, Some(63), None, "size is 63; it has to be from 64 to 65536"),
            (None, None, Some(0), "burst"),
            (Some(100.0), None, Some(21), "rate times burst has to be at most 2000"),
            (Some(10.0), Some(65_536), Some(7), "rate times burst times size"),
        ] {
            let refused = set(rate, size, burst).unwrap_err();
            assert!(refused.contains(word), "{refused}");
        }
        assert!(check_line(Some(5_000), Some(0)).is_ok());
        assert!(check_line(Some(5_001), None).is_err());
        assert!(check_line(None, Some(99)).is_err());
        assert!(check_cut(60_001).is_err());
    }

    #[test]
    fn what_is_no_message_is_refused_by_its_type() {
        let refused = |text| parse(text).unwrap_err();
        assert_eq!(refused("").0, "");
        assert_eq!(refused("{\"type\":\"dance\"}").0, "dance");
        assert_eq!(refused("{\"type\":\"set\",\"rate\":\"fast\"}").0, "set");
        assert_eq!(refused("{\"type\":\"set\",\"speed\":1}").0, "set");
        assert_eq!(refused("{\"type\":\"line\",\"road\":\"moon\"}").0, "line");
        assert_eq!(parse("{\"type\":\"race\"}").unwrap(), FromPage::Race {});
        assert_eq!(name(&parse("{\"type\":\"watch\",\"road\":null}").unwrap()), "watch");
    }
}
