//! What operators set while the API runs: an item of the table, read again every few seconds.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Log;
use crate::reply::Failure;
use crate::table::Table;

/// The item's id. Its `order` holds `{"max_order_bytes": n}`; without the item the defaults hold.
const ID: &str = "config";
/// An instance does not read it more often than this.
const KEPT_FOR: Duration = Duration::from_secs(10);
/// An item holds 400 KB at most (DynamoDB quotas); the rest is for what is stored beside the order.
const ORDER_BYTES_MAX: usize = 390 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub max_order_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_order_bytes: ORDER_BYTES_MAX }
    }
}

impl Settings {
    /// Reads the item's order; none where it is malformed.
    fn parse(order: Option<&str>) -> Option<Self> {
        let order: Value = serde_json::from_str(order?).ok()?;
        let bytes = usize::try_from(order.get("max_order_bytes")?.as_u64()?).ok()?;
        (1..=ORDER_BYTES_MAX).contains(&bytes).then_some(Self { max_order_bytes: bytes })
    }
}

/// The settings an instance knows.
pub struct Source {
    /// Whether the last good settings hold where the item is malformed.
    fallback: bool,
    log: Log,
    known: Mutex<Known>,
}

#[derive(Clone, Copy, Default)]
struct Known {
    read: Option<Instant>,
    good: Settings,
    is_malformed: bool,
}

impl Source {
    pub fn new(fallback: bool, log: Log) -> Self {
        Self { fallback, log, known: Mutex::default() }
    }

    /// The settings in force, as of ten seconds ago at most. Where the table does not answer, what was known holds:
    /// whoever needs the table hears of that soon enough.
    pub async fn current(&self, table: &Table) -> Result<Settings, Failure> {
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.read.is_none_or(|at| at.elapsed() >= KEPT_FOR)
            && let Ok(item) = table.order_of(ID).await
        {
            self.learn(item.as_ref().map(Option::as_deref));
        }
        self.in_force()
    }

    /// Takes in what the table held: no item, or an item with or without an order.
    fn learn(&self, item: Option<Option<&str>>) {
        let parsed = item.map_or(Some(Settings::default()), Settings::parse);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let good = parsed.unwrap_or(known.good);
        *known = Known { read: Some(Instant::now()), good, is_malformed: parsed.is_none() };
        drop(known);
        if parsed.is_none() {
            (self.log)(&json!({"blackstart": "orders", "problem": "bad-config"}).to_string());
        }
    }

    fn in_force(&self) -> Result<Settings, Failure> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_malformed && !self.fallback {
            return Err(Failure::new(500, "BadConfig", "the config item is malformed, and there is no fallback"));
        }
        Ok(known.good)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn source(fallback: bool) -> (Source, Arc<Mutex<Vec<String>>>) {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = lines.clone();
        (Source::new(fallback, Arc::new(move |line: &str| sink.lock().unwrap().push(line.to_owned()))), lines)
    }

    #[test]
    fn a_malformed_item_leaves_the_last_good_settings_and_is_logged_each_time() {
        let (source, lines) = source(true);
        assert_eq!(source.in_force(), Ok(Settings::default()));
        source.learn(Some(Some(r#"{"max_order_bytes": 100}"#)));
        let good = Ok(Settings { max_order_bytes: 100 });
        assert_eq!(source.in_force(), good);
        assert!(lines.lock().unwrap().is_empty());
        for bad in
            [None, Some("{"), Some("[]"), Some(r#"{"max_order_bytes": "many"}"#), Some(r#"{"max_order_bytes": 0}"#)]
        {
            source.learn(Some(bad));
            assert_eq!(source.in_force(), good, "{bad:?}");
        }
        assert_eq!(*lines.lock().unwrap(), [r#"{"blackstart":"orders","problem":"bad-config"}"#; 5]);
        source.learn(None);
        assert_eq!(source.in_force(), Ok(Settings::default()), "without the item the defaults hold");
    }

    #[test]
    fn without_a_fallback_a_malformed_item_fails_until_it_is_mended() {
        let (source, lines) = source(false);
        source.learn(Some(Some("poison")));
        let failure = source.in_force().unwrap_err();
        assert_eq!((failure.status, failure.code.as_str()), (500, "BadConfig"));
        assert_eq!(lines.lock().unwrap().len(), 1);
        source.learn(Some(Some(r#"{"max_order_bytes": 100}"#)));
        assert_eq!(source.in_force(), Ok(Settings { max_order_bytes: 100 }));
    }
}
