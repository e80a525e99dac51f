//! The metrics of every Region: series of buckets, filled by services and by PutMetricData.
//!
//! A bucket is one minute (one second for high-resolution samples) and holds count, sum, extremes and a spread
//! from which percentiles are read. It becomes visible to readers some time after it began, never before.

use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::time::Duration;

use indexmap::{Equivalent, IndexMap};

use crate::clock::Timestamp;
use crate::region::Region;

/// Datapoints of one minute are kept for 15 days (CloudWatch user guide, "Metrics retention"): 21,600 buckets.
const BUCKETS_KEPT: usize = 21_600;

/// A metric of a Region, found once and recorded to often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesId(usize);

/// What identifies a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub region: Region,
    pub namespace: String,
    pub metric: String,
    /// Sorted by name: the order in which dimensions are given means nothing.
    pub dimensions: Vec<(String, String)>,
}

/// The same, borrowed, so that a look-up allocates nothing.
#[derive(Clone, Copy)]
pub struct KeyRef<'a> {
    pub region: Region,
    pub namespace: &'a str,
    pub metric: &'a str,
    pub dimensions: &'a [(String, String)],
}

/// Samples to add at once: one value `count` times, or a set of which only the statistics are known.
#[derive(Clone, Copy, Debug)]
pub struct Addition {
    pub at: Timestamp,
    pub unit: &'static str,
    pub count: f64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    /// One second or sixty.
    pub span: Duration,
    /// From when readers see a bucket that these samples open.
    pub visible_from: Timestamp,
}

/// All that is known of one span of time.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub start: Timestamp,
    pub span: Duration,
    pub visible_from: Timestamp,
    pub unit: &'static str,
    pub count: f64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    /// How many samples fell in each bin, by bin.
    pub spread: Vec<(i64, f64)>,
}

pub struct Series {
    pub key: Key,
    /// Stable in one seed and different between series: what publication delays are drawn from.
    pub hash: u64,
    /// By start.
    buckets: VecDeque<Bucket>,
}

#[derive(Default)]
pub struct Store {
    series: IndexMap<Key, Series, BuildHasherDefault<KeyHasher>>,
}

impl Store {
    /// The series of this metric, made where there is none; `dimensions` must be sorted.
    pub fn intern(&mut self, key: KeyRef<'_>) -> SeriesId {
        if let Some(index) = self.series.get_index_of(&key) {
            return SeriesId(index);
        }
        let owned = key.to_owned();
        let mut hasher = KeyHasher::default();
        key.hash(&mut hasher);
        let series = Series { key: owned.clone(), hash: hasher.finish(), buckets: VecDeque::new() };
        SeriesId(self.series.insert_full(owned, series).0)
    }

    pub fn find(&self, key: KeyRef<'_>) -> Option<&Series> {
        self.series.get(&key)
    }

    /// What publication delays of this series are drawn from.
    pub fn hash(&self, id: SeriesId) -> u64 {
        self.series.get_index(id.0).map_or(0, |(_, series)| series.hash)
    }

    pub fn add(&mut self, id: SeriesId, addition: &Addition) {
        if let Some((_, series)) = self.series.get_index_mut(id.0) {
            series.bucket(addition).add(addition);
        }
    }

    /// Every series of a Region, in the order they first appeared.
    pub fn of_region(&self, region: Region) -> impl Iterator<Item = &Series> {
        self.series.values().filter(move |series| series.key.region == region)
    }
}

impl Series {
    /// What readers at `now` see of `[from, to)`.
    pub fn visible(
        &self,
        from: Timestamp,
        to: Timestamp,
        now: Timestamp,
        unit: Option<&str>,
    ) -> impl Iterator<Item = &Bucket> {
        let first = self.buckets.partition_point(|bucket| bucket.start < from);
        self.buckets
            .range(first..)
            .take_while(move |bucket| bucket.start < to)
            .filter(move |bucket| bucket.visible_from <= now && unit.is_none_or(|unit| unit == bucket.unit))
    }

    /// Whether anything of it can be seen yet.
    pub fn is_visible(&self, now: Timestamp) -> bool {
        self.buckets.iter().any(|bucket| bucket.visible_from <= now)
    }

    pub fn newest(&self) -> Option<Timestamp> {
        self.buckets.back().map(|bucket| bucket.start)
    }

    fn bucket(&mut self, addition: &Addition) -> &mut Bucket {
        let (start, span, unit) = (addition.at.floor_to(addition.span), addition.span, addition.unit);
        let same = |bucket: &Bucket| bucket.start == start && bucket.span == span && bucket.unit == unit;
        // Nearly every sample belongs to the newest bucket; look there before searching.
        let newest = self.buckets.len().wrapping_sub(1);
        let found = match self.buckets.back() {
            Some(bucket) if same(bucket) => Some(newest),
            Some(bucket) if bucket.start < start => None,
            _ => {
                let first = self.buckets.partition_point(|bucket| bucket.start < start);
                let run = self.buckets.range(first..).take_while(|bucket| bucket.start == start);
                run.enumerate().find(|(_, bucket)| same(bucket)).map(|(offset, _)| first + offset)
            }
        };
        let index = found.unwrap_or_else(|| {
            if self.buckets.len() >= BUCKETS_KEPT {
                self.buckets.pop_front();
            }
            let index = self.buckets.partition_point(|bucket| bucket.start <= start);
            self.buckets.insert(index, Bucket::new(start, addition));
            index
        });
        &mut self.buckets[index]
    }
}

impl Bucket {
    fn new(start: Timestamp, addition: &Addition) -> Self {
        Self {
            start,
            span: addition.span,
            visible_from: addition.visible_from,
            unit: addition.unit,
            count: 0.0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            spread: Vec::new(),
        }
    }

    fn add(&mut self, addition: &Addition) {
        self.count += addition.count;
        self.sum += addition.sum;
        self.min = self.min.min(addition.min);
        self.max = self.max.max(addition.max);
        // Of a statistic set only the mean is known to be near where the samples are.
        let value = if addition.min == addition.max { addition.min } else { addition.sum / addition.count };
        let bin = bin_of(value);
        match self.spread.binary_search_by_key(&bin, |(bin, _)| *bin) {
            Ok(index) => self.spread[index].1 += addition.count,
            Err(index) => self.spread.insert(index, (bin, addition.count)),
        }
    }
}

/// Bins are 1/128 of an octave wide, so a percentile is off by less than 0.8 %, and whole numbers to 256 are exact.
const BIN_BITS: u32 = 45;

/// The bin a value falls in; bins are ordered as their values are.
fn bin_of(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits().cast_signed();
    let ordered = if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits };
    ordered >> BIN_BITS
}

/// The value a bin stands for: its lower bound, towards zero for negative values.
pub fn value_of(bin: i64) -> f64 {
    let ordered = bin << BIN_BITS;
    let bits = if ordered < 0 { i64::MIN.wrapping_sub(ordered) } else { ordered };
    f64::from_bits(bits.cast_unsigned())
}

impl KeyRef<'_> {
    fn to_owned(self) -> Key {
        Key {
            region: self.region,
            namespace: self.namespace.to_owned(),
            metric: self.metric.to_owned(),
            dimensions: self.dimensions.to_vec(),
        }
    }
}

impl Key {
    pub fn borrow(&self) -> KeyRef<'_> {
        KeyRef { region: self.region, namespace: &self.namespace, metric: &self.metric, dimensions: &self.dimensions }
    }
}

impl Hash for KeyRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.region.as_str().as_bytes());
        state.write(self.namespace.as_bytes());
        state.write(self.metric.as_bytes());
        for (name, value) in self.dimensions {
            state.write(name.as_bytes());
            state.write(value.as_bytes());
        }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrow().hash(state);
    }
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.region == key.region
            && self.metric == key.metric
            && self.namespace == key.namespace
            && self.dimensions == key.dimensions
    }
}

/// Multiply and rotate, eight bytes at a time: keys are short, and the same in every process.
#[derive(Default)]
pub struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
        // The length marks the border between fields: moving a character from one to the next changes the hash.
        self.word(bytes.len() as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

impl KeyHasher {
    fn word(&mut self, word: u64) {
        // An odd constant with no pattern: the fractional part of the golden ratio.
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_keep_the_order_of_values() {
        let values = [-1e9, -300.5, -2.0, -0.001, 0.0, 1e-9, 0.5, 1.0, 1.01, 42.0, 255.0, 1e12];
        let bins: Vec<i64> = values.iter().map(|value| bin_of(*value)).collect();
        assert!(bins.windows(2).all(|pair| pair[0] < pair[1]), "{bins:?}");
        for value in values {
            let back = value_of(bin_of(value));
            assert!((back - value).abs() <= value.abs() / 128.0, "{value} came back as {back}");
        }
        for whole in 0..=256 {
            assert_eq!(value_of(bin_of(f64::from(whole))), f64::from(whole));
        }
    }

    #[test]
    fn a_late_sample_finds_its_own_minute() {
        let mut store = Store::default();
        let key = KeyRef { region: Region::US_EAST_1, namespace: "N", metric: "M", dimensions: &[] };
        let id = store.intern(key);
        for minute in [0_u64, 1, 2, 0] {
            let at = Timestamp::from_millis(0) + Duration::from_secs(minute * 60 + 5);
            let addition = Addition {
                at,
                unit: "Count",
                count: 1.0,
                sum: 1.0,
                min: 1.0,
                max: 1.0,
                span: Duration::from_secs(60),
                visible_from: at,
            };
            store.add(id, &addition);
        }
        let far = Timestamp::from_millis(1_000_000);
        let series = store.find(key).unwrap();
        let counts: Vec<f64> = series.visible(Timestamp::from_millis(0), far, far, None).map(|b| b.count).collect();
        assert_eq!(counts, [2.0, 1.0, 1.0]);
    }
}
