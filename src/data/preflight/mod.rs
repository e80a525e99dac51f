//! Preflight: what must work before anything is broken, tried. Replicas, streams, versioning and rules are looked at,
//! and something is written in every Region and read in every other.
//!
//! Every check is one [`Event::Preflight`]; one that fails names the missing piece and the way out. What preflight
//! writes is no write of the history, and is taken away again on both sides.

mod bucket;
mod secret;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};

use crate::data::objects::Bucket;
use crate::history::{Event, Recorder};
use crate::region::Region;
use crate::target::{Target, TargetError};
use crate::wait::GaveUp;

const STAGE: &str = "preflight";
/// How long a replica that is being made may take.
const REPLICA_DEADLINE: Duration = Duration::from_secs(5 * 60);
const INTERVAL: Duration = Duration::from_secs(1);

/// What is tried, and with what.
pub struct Preflight<'a> {
    pub target: &'a dyn Target,
    /// The name that plays a role (`table`, `bucket`, `secret`) in a Region.
    pub role: &'a dyn Fn(&str, Region) -> Option<String>,
    pub recorder: &'a Recorder,
    /// Where objects are written later on; assets are written in the primary Region in any case.
    pub writers: &'a [Region],
    /// What users read: put into the primary bucket, and there in every Region when preflight has held.
    pub assets: &'a [(String, Bytes)],
}

/// Why a check does not hold.
enum Wrong {
    /// What is missing, and the way out.
    Missing(String),
    /// Nobody could look.
    Blind(String),
}

type Checked = Result<String, Wrong>;

impl Preflight<'_> {
    /// Makes every check that the stack has a role for, all stores at once; whether all held. What is written makes its
    /// way only where the settings hold: without them it could not.
    pub async fn hold(&self) -> Result<bool, TargetError> {
        let primary = self.target.primary();
        let mut stores: Vec<LocalBoxFuture<'_, bool>> = Vec::new();
        if let Some(table) = (self.role)("table", primary) {
            stores.push(table::hold(self, table::sides(self, &table)?).boxed_local());
        }
        let buckets = self.buckets()?;
        if buckets.iter().any(|bucket| bucket.region == primary) {
            stores.push(bucket::hold(self, buckets).boxed_local());
        }
        if let Some(secret) = (self.role)("secret", primary) {
            stores.push(secret::hold(self, secret::sides(self)?, secret).boxed_local());
        }
        Ok(all(stores).await)
    }

    fn buckets(&self) -> Result<Vec<Bucket>, TargetError> {
        let bucket = |region: &Region| {
            let name = (self.role)("bucket", *region)?;
            let clients = self.target.clients_in(*region);
            Some(clients.map(|clients| Bucket { region: *region, name, client: clients.s3.clone() }))
        };
        self.target.regions().iter().filter_map(bucket).collect()
    }
}

/// Makes checks at once; whether all held.
async fn all(checks: impl IntoIterator<Item = impl Future<Output = bool>>) -> bool {
    join_all(checks).await.into_iter().all(|held| held)
}

/// Makes a check and records how it ended.
async fn check(
    recorder: &Recorder,
    check: &'static str,
    region: Region,
    looking: impl Future<Output = Checked>,
) -> bool {
    let began_us = recorder.now_us();
    let (ok, what) = match looking.await {
        Ok(what) => (true, what),
        Err(Wrong::Missing(what)) => (false, what),
        Err(Wrong::Blind(what)) => {
            let (stage, what) = (STAGE.to_owned(), format!("{region}: {what}"));
            recorder.record(Event::Trouble { stage, what: what.clone() });
            (false, what)
        }
    };
    let took_us = recorder.now_us() - began_us;
    recorder.record(Event::Preflight { check: check.to_owned(), region: Some(region), ok, what, took_us });
    ok
}

/// What a wait came to that only a blind look or a thing beyond repair can end early.
fn waited<T>(waited: Result<Result<T, GaveUp>, Wrong>, hint: &str) -> Result<T, Wrong> {
    waited?.map_err(|gave_up| Wrong::Missing(format!("{gave_up}; {hint}")))
}
