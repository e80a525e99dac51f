//! What can be asked of a span of time: the simple statistics and percentiles.

use super::metric::{Bucket, value_of};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    SampleCount,
    Sum,
    Average,
    Minimum,
    Maximum,
    /// `p99.9`, as 99.9.
    Percentile(f64),
}

impl Statistic {
    /// Reads `Average`, `p99` and the like; trimmed means and percentile ranks are not modelled.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "SampleCount" => Self::SampleCount,
            "Sum" => Self::Sum,
            "Average" => Self::Average,
            "Minimum" => Self::Minimum,
            "Maximum" => Self::Maximum,
            _ => {
                let percentile: f64 = name.strip_prefix('p')?.parse().ok()?;
                Self::Percentile((0.0..=100.0).contains(&percentile).then_some(percentile)?)
            }
        })
    }

    /// The statistic over these buckets together; nothing where there is no sample.
    pub fn of<'a>(self, buckets: impl Iterator<Item = &'a Bucket>) -> Option<f64> {
        let mut total = Total::default();
        let mut spread = Vec::new();
        for bucket in buckets {
            total.add(bucket);
            if matches!(self, Self::Percentile(_)) {
                spread.extend_from_slice(&bucket.spread);
            }
        }
        if total.count <= 0.0 {
            return None;
        }
        Some(match self {
            Self::SampleCount => total.count,
            Self::Sum => total.sum,
            Self::Average => total.sum / total.count,
            Self::Minimum => total.min,
            Self::Maximum => total.max,
            Self::Percentile(percentile) => total.percentile(percentile, spread),
        })
    }
}

struct Total {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Default for Total {
    fn default() -> Self {
        Self { count: 0.0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Total {
    fn add(&mut self, bucket: &Bucket) {
        self.count += bucket.count;
        self.sum += bucket.sum;
        self.min = self.min.min(bucket.min);
        self.max = self.max.max(bucket.max);
    }

    fn percentile(&self, percentile: f64, mut spread: Vec<(i64, f64)>) -> f64 {
        spread.sort_by_key(|(bin, _)| *bin);
        let rank = (percentile / 100.0 * self.count).max(f64::MIN_POSITIVE);
        let mut seen = 0.0;
        for (bin, count) in spread {
            seen += count;
            if seen >= rank {
                return value_of(bin).clamp(self.min, self.max);
            }
        }
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read_as_the_api_spells_them() {
        assert_eq!(Statistic::parse("p99.9"), Some(Statistic::Percentile(99.9)));
        assert_eq!(Statistic::parse("Average"), Some(Statistic::Average));
        assert_eq!(Statistic::parse("p101"), None);
        assert_eq!(Statistic::parse("tm90"), None);
        assert_eq!(Statistic::Sum.of(std::iter::empty()), None);
    }
}
