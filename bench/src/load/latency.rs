//! Latencies in buckets of at most 3 % width.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Latencies in microseconds that so many of a hundred (or a thousand) stayed within.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// Half of them.
    pub p50_us: f64,
    /// 99 of 100.
    pub p99_us: f64,
    /// 999 of 1,000.
    pub p999_us: f64,
}

/// A histogram with 32 buckets for each power of two of nanoseconds.
#[derive(Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

const SUB_BUCKET_BITS: u32 = 5;
const SUB_BUCKETS: u64 = 1 << SUB_BUCKET_BITS;

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; bucket(u64::MAX) + 1], total: 0 }
    }

    pub(crate) fn record(&mut self, latency: Duration, count: u64) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanoseconds)] += count;
        self.total += count;
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }

    /// `None` when nothing was recorded.
    pub(crate) fn summary(&self) -> Option<Latency> {
        Some(Latency {
            p50_us: self.quantile(0.5)?,
            p99_us: self.quantile(0.99)?,
            p999_us: self.quantile(0.999)?,
        })
    }

    fn quantile(&self, part: f64) -> Option<f64> {
        let rank = (self.total as f64 * part).ceil() as u64;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank && seen > 0
        })?;
        Some(upper_bound(found) as f64 / 1000.0)
    }
}

fn bucket(value: u64) -> usize {
    if value < SUB_BUCKETS {
        return value as usize;
    }
    let shift = value.ilog2() - SUB_BUCKET_BITS;
    (u64::from(shift) * SUB_BUCKETS + (value >> shift)) as usize
}

/// The highest value of a bucket.
fn upper_bound(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * SUB_BUCKETS {
        return bucket;
    }
    let shift = bucket / SUB_BUCKETS - 1;
    let lowest = (bucket - shift * SUB_BUCKETS) << shift;
    lowest + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_above_its_bucket_nor_far_below() {
        for value in (0..40).flat_map(|bits| [1u64 << bits, (1 << bits) + 1, (3 << bits) - 1]) {
            let upper = upper_bound(bucket(value));
            assert!(upper >= value, "{value} lies above {upper}");
            assert!(upper - value <= value / 32, "{value} is far from {upper}");
        }
    }

    #[test]
    fn quantiles_of_a_thousand_different_values() {
        let mut histogram = Histogram::new();
        assert!(histogram.summary().is_none());
        for microseconds in 1..=1000 {
            histogram.record(Duration::from_micros(microseconds), 1);
        }
        let summary = histogram.summary().unwrap();
        assert!((500.0..516.0).contains(&summary.p50_us), "{summary:?}");
        assert!((990.0..1021.0).contains(&summary.p99_us), "{summary:?}");
        assert!((999.0..1031.0).contains(&summary.p999_us), "{summary:?}");
    }
}
