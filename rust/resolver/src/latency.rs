//! How long replies take: a histogram of fixed size, and the percentiles that it tells.
//!
//! Knows durations only. Eight buckets an octave: a percentile is told at most 13 % too high.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets an octave, as a power of two.
const RESOLUTION: u32 = 3;
/// Buckets an octave.
const WIDTH: u64 = 1 << RESOLUTION;
/// Longest time told apart: 2^26 µs are 67 s, and no question lives as long.
const OCTAVES: u32 = 26;
/// Buckets in all: those below the first whole octave and those of the others.
const BUCKET_COUNT: usize = ((OCTAVES - RESOLUTION + 1) as usize) << RESOLUTION;

/// Percentiles of the time between a question and its reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latency {
    /// Half of the replies came within this time.
    pub median: Duration,
    /// 90 of 100 replies.
    pub percentile_90: Duration,
    /// 99 of 100 replies.
    pub percentile_99: Duration,
    /// All of them.
    pub longest: Duration,
}

/// Counts replies by the time they took.
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKET_COUNT],
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKET_COUNT],
        }
    }
}

impl Histogram {
    /// A reply took this long.
    pub(crate) fn add(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket_of(micros)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// All replies of several histograms.
    pub(crate) fn sum<'a>(histograms: impl Iterator<Item = &'a Self>) -> Self {
        let sum = Self::default();
        for histogram in histograms {
            for (into, from) in sum.buckets.iter().zip(&histogram.buckets) {
                into.fetch_add(from.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        sum
    }

    /// The percentiles so far; zeros before the first reply.
    pub(crate) fn latency(&self) -> Latency {
        let counts = self.buckets.each_ref().map(|b| b.load(Ordering::Relaxed));
        let total: u64 = counts.iter().sum();
        let percentile = |percent: u64| {
            let wanted = total.saturating_mul(percent).div_ceil(100);
            let mut seen = 0_u64;
            let position = counts.iter().position(|count| {
                seen = seen.saturating_add(*count);
                wanted > 0 && seen >= wanted
            });
            position.map(upper_bound).unwrap_or_default()
        };
        Latency {
            median: percentile(50),
            percentile_90: percentile(90),
            percentile_99: percentile(99),
            longest: percentile(100),
        }
    }
}

/// The bucket of a time: its highest set bit and the three bits below.
fn bucket_of(micros: u64) -> usize {
    let micros = micros.min((1 << OCTAVES) - 1);
    if micros < WIDTH {
        return usize::try_from(micros).unwrap_or_default();
    }
    let octave = micros.ilog2().saturating_sub(RESOLUTION);
    let within = (micros >> octave).saturating_sub(WIDTH);
    let base = u64::from(octave).saturating_add(1) << RESOLUTION;
    usize::try_from(base.saturating_add(within)).unwrap_or_default()
}

/// The longest time of a bucket.
fn upper_bound(bucket: usize) -> Duration {
    let bucket = u64::try_from(bucket).unwrap_or_default();
    let (row, within) = (bucket >> RESOLUTION, bucket % WIDTH);
    let micros = match row.checked_sub(1) {
        None => within,
        Some(octave) => ((WIDTH.saturating_add(within).saturating_add(1)) << octave) - 1,
    };
    Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BUCKET_COUNT, Histogram, bucket_of, upper_bound};

    #[test]
    fn every_time_lies_in_the_bucket_that_ends_at_most_an_eighth_above_it() {
        let times = (0..100_000).chain((17..26).map(|bit| (1_u64 << bit) - 1));
        for micros in times {
            let bound = upper_bound(bucket_of(micros)).as_micros();
            let micros = u128::from(micros);
            assert!(micros <= bound && bound <= micros + micros / 8, "{micros}");
        }
        assert_eq!(bucket_of(u64::MAX), BUCKET_COUNT - 1);
        assert_eq!(bucket_of(1 << 26), BUCKET_COUNT - 1);
    }

    #[test]
    fn percentiles_count_replies() {
        let (first, second) = (Histogram::default(), Histogram::default());
        assert_eq!(first.latency(), super::Latency::default());
        for milliseconds in 1..=50 {
            first.add(Duration::from_millis(milliseconds));
            second.add(Duration::from_millis(milliseconds + 50));
        }
        let latency = Histogram::sum([&first, &second].into_iter()).latency();
        for (told, exact) in [
            (latency.median, 50),
            (latency.percentile_90, 90),
            (latency.percentile_99, 99),
            (latency.longest, 100),
        ] {
            let exact = Duration::from_millis(exact);
            assert!(told >= exact && told <= exact * 9 / 8, "{told:?} {exact:?}");
        }
    }
}
