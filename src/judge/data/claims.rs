//! The assertions on data. A counterexample fails one whatever else is unknown; without one it passes only where
//! everything was looked at.

use std::time::Duration;

use super::lags::SAMPLES;
use super::ledger::Ledger;
use super::settle::Settled;
use super::sketch::Sketch;
use super::{Data, Results};
use crate::judge::Case;
use crate::judge::assertions::Finding;
use crate::judge::verdict::{Divergence, Misordered, Side, WriteSeen};
use crate::region::Region;
use crate::scenario::{Check, Fault, Percent, Percentile, Scope};
use crate::store::Store;

/// A 99th percentile of fewer samples is no more than their largest.
const SAMPLES_P99: u64 = 100;
/// How many counterexamples are named.
const NAMED: usize = 3;

/// `None` where the assertion is not about data.
pub fn finding(case: &Case<'_>, check: &Check, results: &Results<'_>) -> Option<Finding> {
    let claims = Claims { case, results };
    Some(match check {
        Check::LostWritesAtMost { at_most } => claims.lost(*at_most),
        Check::RpoWithin { within } => claims.rpo(*within),
        Check::StableWritesAtLeast { at_least } => claims.stable(*at_least),
        Check::ConvergedWithin { within } => claims.converged(*within),
        Check::DivergentItemsAtMost { at_most } => {
            claims.divergent(&results.data.tables, &results.tables, *at_most, "items")
        }
        Check::DivergentObjectsAtMost { at_most } => {
            claims.divergent(&results.data.objects, &results.objects, *at_most, "objects")
        }
        Check::LastWriterWins => claims.last_writer_wins(),
        Check::ReplicationLagWithin { of, percentile, from, to, within } => {
            claims.lag(*of, *percentile, (*from, *to), *within)
        }
        Check::StaleReadsWithin { within } => claims.stale_reads(*within),
        Check::MonotonicReads => claims.monotonic_reads(),
        Check::ObjectsReplicated { within, at_least } => claims.replicated(*within, *at_least),
        Check::CompletedObjectsReadable => claims.completed(),
        Check::PublishedSecretsOnly => claims.published_only(),
        Check::SecretsAgreeWithin { within } => claims.secrets_agree(*within),
        Check::RejectedSecretAtMost { at_most } => claims.rejected(*at_most),
        _ => return None,
    })
}

struct Claims<'a> {
    case: &'a Case<'a>,
    results: &'a Results<'a>,
}

impl Claims<'_> {
    fn data(&self) -> &Data {
        self.results.data
    }

    fn lost(&self, at_most: u64) -> Finding {
        let rpo = &self.results.tables.rpo;
        let named = || format!("lost: {}", writes(&rpo.lost_writes, rpo.lost));
        if rpo.lost > at_most {
            return Finding::at_most(rpo.lost as f64, at_most as f64, named());
        }
        if let Some(why) = self.unproven(&self.data().tables, &self.results.tables) {
            return Finding::inconclusive(why);
        }
        let evidence = match rpo.lost {
            0 => format!("each of {} acknowledged writes is in every Region or was replaced", rpo.acked),
            _ => named(),
        };
        Finding::at_most(rpo.lost as f64, at_most as f64, evidence)
    }

    fn rpo(&self, within: Duration) -> Finding {
        let rpo = &self.results.tables.rpo;
        let bound = within.as_secs_f64();
        // What a lost Region alone had is lost to whoever fails over, whether or not the Region ever comes back.
        let whole = |fault: &Fault| matches!(fault, Fault::RegionOutage { scope: Scope::Region, .. });
        let outage = self.case.plan.timeline.iter().any(|timed| whole(&timed.fault));
        if let Some(stranded) = rpo.stranded.as_ref().filter(|stranded| outage && stranded.seconds > rpo.seconds) {
            let (count, region, at) = (stranded.writes, stranded.region, clock(stranded.at_ms));
            let evidence = format!("only {region} had {count} writes when it was lost at {at}");
            return Finding::at_most(stranded.seconds, bound, evidence);
        }
        let evidence = match rpo.lost_writes.iter().min_by_key(|write| write.acked_at_ms) {
            Some(oldest) => format!("the oldest of {} lost writes: {}", rpo.lost, told(oldest)),
            None => "no acknowledged write was lost".to_owned(),
        };
        if rpo.seconds > bound {
            return Finding::at_most(rpo.seconds, bound, evidence);
        }
        match self.unproven(&self.data().tables, &self.results.tables) {
            Some(why) => Finding::inconclusive(why),
            None => Finding::at_most(rpo.seconds, bound, evidence),
        }
    }

    fn stable(&self, at_least: Percent) -> Finding {
        let rpo = &self.results.tables.rpo;
        let judged = rpo.stable + rpo.late + rpo.overwritten_late + rpo.lost + rpo.unproven;
        let evidence = format!(
            "{} of {judged} writes in time, {} late, {} replaced when they were late, {} lost, {} unproven; {} more were \
             replaced in time",
            rpo.stable,
            rpo.late,
            rpo.overwritten_late,
            rpo.lost,
            rpo.unproven,
            rpo.overwritten - rpo.overwritten_late
        );
        share(rpo.stable, judged, rpo.unproven, at_least, "writes", evidence)
    }

    fn converged(&self, within: Duration) -> Finding {
        let (settled, caught) = (&self.results.tables, &self.results.tables.catching);
        if settled.rpo.acked == 0 {
            return Finding::inconclusive(NO_WRITES);
        }
        let Some(since) = caught.since else {
            return Finding::inconclusive("nothing was healed, and writing did not end");
        };
        if settled.divergent > 0 {
            let named = divergences(&settled.divergences, settled.divergent);
            return Finding::failed(format!("the final scans differ: {named}"));
        }
        if let Some(why) = self.unscanned(&self.data().tables) {
            return Finding::inconclusive(why);
        }
        if caught.open > 0 {
            return Finding::failed(format!("{} writes of before never got everywhere", caught.open));
        }
        let took = caught.until.saturating_sub(since) as f64 / 1e6;
        if caught.by_scan && took > within.as_secs_f64() {
            return Finding::inconclusive("some writes were seen everywhere by the final scan alone");
        }
        let compared = settled.compared;
        let evidence = format!("from then on every write of before was everywhere; {compared} items equal in the end");
        Finding::at_most(took, within.as_secs_f64(), evidence)
    }

    fn divergent(&self, ledger: &Ledger, settled: &Settled, at_most: u64, what: &str) -> Finding {
        if let Some(why) = self.unscanned(ledger) {
            return Finding::inconclusive(why);
        }
        if settled.compared == 0 {
            return Finding::inconclusive(format!("the final scans found no {what}"));
        }
        let evidence = match settled.divergent {
            0 => format!("{} {what}, the same in every Region", settled.compared),
            found => divergences(&settled.divergences, found),
        };
        Finding::at_most(settled.divergent as f64, at_most as f64, evidence)
    }

    fn last_writer_wins(&self) -> Finding {
        let settled = &self.results.tables;
        let count = settled.misordered as f64;
        if settled.misordered > 0 {
            return Finding::at_most(count, 0.0, misorders(&settled.misorders, settled.misordered));
        }
        if settled.rpo.acked == 0 {
            return Finding::inconclusive(NO_WRITES);
        }
        match self.unscanned(&self.data().tables) {
            Some(why) => Finding::inconclusive(why),
            None => Finding::at_most(count, 0.0, format!("{} items ended as a last write", settled.compared)),
        }
    }

    fn lag(
        &self,
        of: Store,
        percentile: Percentile,
        way: (Option<Region>, Option<Region>),
        within: Duration,
    ) -> Finding {
        if of == Store::Secret {
            return self.secret_lag(way, within);
        }
        let (ledger, settled) = match of {
            Store::Bucket => (&self.data().objects, &self.results.objects),
            _ => (&self.data().tables, &self.results.tables),
        };
        let regions = &self.data().regions;
        let mut worst: Option<(f64, String)> = None;
        for from in (0..regions.len()).filter(|from| way.0.is_none_or(|region| region == regions[*from])) {
            for to in (0..regions.len()).filter(|to| way.1.is_none_or(|region| region == regions[*to])) {
                let direction = Way { of, ledger, settled, from, to };
                match direction.lag(self, percentile) {
                    Ok(None) => {}
                    Ok(Some((lag, evidence))) if worst.as_ref().is_none_or(|(known, _)| lag > *known) => {
                        worst = Some((lag, evidence));
                    }
                    Ok(Some(_)) => {}
                    Err(finding) => return *finding,
                }
            }
        }
        match worst {
            Some((lag, evidence)) => Finding::at_most(lag, within.as_secs_f64(), evidence),
            None => Finding::inconclusive(format!("nothing was written to a {} that had to go that way", of.as_str())),
        }
    }

    fn secret_lag(&self, way: (Option<Region>, Option<Region>), within: Duration) -> Finding {
        let lags = self.data().secrets.lags();
        let chosen = |region: Region, wanted: Option<Region>| wanted.is_none_or(|wanted| wanted == region);
        let lags = lags.iter().filter(|lag| chosen(lag.from, way.0) && chosen(lag.to, way.1));
        let Some(worst) = lags.max_by_key(|lag| (lag.missing, lag.worst_ms)) else {
            let why = "the secret did not change, or nobody saw it".to_owned();
            return Finding::inconclusive(why + &self.blind("secret probe"));
        };
        if worst.missing > 0 {
            return Finding::failed(format!("{} never served the last version of {}", worst.to, worst.from));
        }
        // Changes of a secret are few: the worst of them stands for every percentile.
        let evidence = format!("the worst of {} changes, {} to {}", worst.samples, worst.from, worst.to);
        Finding::at_most(worst.worst_ms.unwrap_or(0) as f64 / 1e3, within.as_secs_f64(), evidence)
    }

    fn stale_reads(&self, within: Duration) -> Finding {
        let reads = self.results.reads();
        let worst = reads.iter().max_by_key(|seen| seen.worst_ms);
        let Some(worst) = worst.filter(|_| reads.iter().map(|seen| seen.reads).sum::<u64>() >= SAMPLES) else {
            return self.few_reads();
        };
        let count: u64 = reads.iter().map(|seen| seen.reads).sum();
        let evidence = match worst.examples.first().filter(|_| worst.stale > 0) {
            Some(example) => format!("{}: {example}", worst.region),
            None => format!("none of {count} reads missed an acknowledged write"),
        };
        Finding::at_most(worst.worst_ms.unwrap_or(0) as f64 / 1e3, within.as_secs_f64(), evidence)
    }

    fn monotonic_reads(&self) -> Finding {
        let reads = self.results.reads();
        let backwards: u64 = reads.iter().map(|seen| seen.backwards).sum();
        let count: u64 = reads.iter().map(|seen| seen.reads).sum();
        if backwards == 0 && count < SAMPLES {
            return self.few_reads();
        }
        let first = reads.iter().find(|seen| seen.backwards > 0).and_then(|seen| seen.examples.last());
        let evidence = match first {
            Some(first) => format!("{backwards} of {count} reads: {first}"),
            None if self.data().reads.forgotten > 0 => {
                let forgotten = self.data().reads.forgotten;
                return Finding::inconclusive(format!("what {forgotten} clients had seen of a key was forgotten"));
            }
            None => format!("none of {count} reads went back in time"),
        };
        Finding::at_most(backwards as f64, 0.0, evidence)
    }

    fn few_reads(&self) -> Finding {
        let count: u64 = self.results.reads().iter().map(|seen| seen.reads).sum();
        Finding::inconclusive(format!("only {count} reads"))
    }

    fn replicated(&self, within: Duration, at_least: Percent) -> Finding {
        let (settled, rpo) = (&self.results.objects, &self.results.objects.rpo);
        let bound = u64::try_from(within.as_micros()).unwrap_or(u64::MAX);
        let arrived = settled.within.iter().find(|(known, _)| *known == bound).map_or(0, |(_, count)| *count);
        let due = settled.due;
        let mut evidence = format!("{arrived} of {due} objects in time; {} lost, {} unproven", rpo.lost, rpo.unproven);
        if rpo.lost > 0 {
            evidence = format!("{evidence}; {}", writes(&rpo.lost_writes, rpo.lost));
        }
        share(arrived, due, rpo.unproven, at_least, "objects", evidence)
    }

    fn completed(&self) -> Finding {
        let statuses = &self.results.statuses;
        let unreadable = statuses.unreadable as f64;
        if statuses.unreadable > 0 {
            let told = statuses.examples.iter().filter(|example| example.contains("COMPLETED"));
            let told: Vec<&str> = told.take(NAMED).map(String::as_str).collect();
            return Finding::at_most(unreadable, 0.0, told.join("; "));
        }
        if statuses.said == 0 {
            return Finding::inconclusive(format!("nothing was COMPLETED{}", self.blind("object follower")));
        }
        match self.unscanned(&self.data().objects) {
            Some(why) => Finding::inconclusive(why),
            None => Finding::at_most(unreadable, 0.0, format!("{} objects COMPLETED and readable", statuses.said)),
        }
    }

    fn published_only(&self) -> Finding {
        let early = self.data().secrets.early();
        if let Some((region, version, at)) = early.first() {
            let at = clock(at / 1_000);
            let evidence = format!("{region} served version {version} at {at}, before it was current in the primary");
            return Finding::at_most(early.len() as f64, 0.0, evidence);
        }
        match self.data().secrets.unseen().next() {
            Some(region) => {
                Finding::inconclusive(format!("nobody saw the secret of {region}{}", self.blind("secret probe")))
            }
            None => Finding::at_most(0.0, 0.0, "no Region was ahead of the primary"),
        }
    }

    fn secrets_agree(&self, within: Duration) -> Finding {
        let rotations = self.results.secrets().map(|seen| seen.rotations).unwrap_or_default();
        if let Some(region) = self.data().secrets.unseen().next() {
            return Finding::inconclusive(format!("nobody saw the secret of {region}{}", self.blind("secret probe")));
        }
        if rotations.is_empty() {
            return Finding::inconclusive("the secret was not rotated");
        }
        if let Some(never) = rotations.iter().find(|seen| seen.at_ms.is_some() && seen.agreed_ms.is_none()) {
            return Finding::failed(format!("{}: {}", never.operation, never.evidence));
        }
        if let Some(unknown) = rotations.iter().find(|seen| seen.at_ms.is_none()) {
            return Finding::inconclusive(format!("{}: {}", unknown.operation, unknown.evidence));
        }
        match rotations.iter().max_by_key(|seen| seen.agreed_ms) {
            Some(slowest) => {
                let took = slowest.agreed_ms.unwrap_or(0) as f64 / 1e3;
                let evidence = format!("{}: {}", slowest.operation, slowest.evidence);
                Finding::at_most(took, within.as_secs_f64(), evidence)
            }
            None => Finding::inconclusive("the secret was not rotated"),
        }
    }

    fn rejected(&self, at_most: Duration) -> Finding {
        if !self.data().secrets.has_backend() {
            return Finding::inconclusive(format!(
                "nobody saw which versions the backend accepts{}",
                self.blind("secret probe")
            ));
        }
        let windows = self.results.secrets().map(|seen| seen.rejected).unwrap_or_default();
        let bound = at_most.as_secs_f64();
        if let Some(longest) = windows.iter().max_by_key(|window| window.lasted_ms) {
            let (region, version, from) = (longest.region, &longest.version, clock(longest.from_ms));
            let evidence = format!("{region} served version {version}, which the backend rejected, from {from}");
            return Finding::at_most(longest.lasted_ms as f64 / 1e3, bound, evidence);
        }
        match self.data().secrets.unseen().next() {
            Some(region) => {
                Finding::inconclusive(format!("nobody saw the secret of {region}{}", self.blind("secret probe")))
            }
            None => Finding::at_most(0.0, bound, "the backend accepted every version that was served"),
        }
    }

    /// Why nothing can be said of every write of a store.
    fn unproven(&self, ledger: &Ledger, settled: &Settled) -> Option<String> {
        if settled.rpo.acked == 0 {
            return Some(NO_WRITES.to_owned());
        }
        self.unscanned(ledger).or_else(|| match settled.rpo.unproven {
            0 => None,
            count => Some(format!("{count} acknowledged writes were not followed to the end")),
        })
    }

    /// Why the final state is not known.
    fn unscanned(&self, ledger: &Ledger) -> Option<String> {
        let missing: Vec<&str> = ledger.scans.missing().map(|slot| ledger.regions[slot].as_str()).collect();
        (!missing.is_empty()).then(|| {
            let regions = missing.join(" and ");
            format!("no complete final scan of {regions}{}", self.blind("scan"))
        })
    }

    /// What a stage of the harness could not do, as the end of a sentence.
    fn blind(&self, stage: &str) -> String {
        let trouble = self.case.evidence.troubles.iter().find(|trouble| trouble.stage == stage);
        trouble.map_or(String::new(), |trouble| format!("; the {stage} was failing: {}", trouble.what))
    }
}

const NO_WRITES: &str = "no write of a user was acknowledged";

/// A store's replication in one direction.
struct Way<'a> {
    of: Store,
    ledger: &'a Ledger,
    settled: &'a Settled,
    from: usize,
    to: usize,
}

impl Way<'_> {
    /// The lag in seconds with its evidence; nothing where nothing was sent; what is wrong with the measurement.
    fn lag(&self, claims: &Claims<'_>, percentile: Percentile) -> Result<Option<(f64, String)>, Box<Finding>> {
        let (mut lags, mut waits) = (Sketch::default(), Sketch::default());
        let mut missing = 0;
        let (name, store) = (self.name(), self.of.as_str());
        for (_, _, size, seen) in self.ledger.lags.iter().filter(|(from, to, ..)| (*from, *to) == (self.from, self.to))
        {
            lags.absorb(&seen.at_most);
            waits.absorb(&seen.staleness);
            missing += self.settled.missing(self.from, self.to, size);
            if let Some(why) = self.ledger.lags.without_lag(self.from, self.to, seen) {
                return Err(Box::new(Finding::inconclusive(why)));
            }
        }
        if let Some(why) = claims.data().watches.without_lag(self.of, self.from, self.to) {
            return Err(Box::new(Finding::inconclusive(why)));
        }
        let total = lags.count() + missing;
        if total == 0 {
            return Ok(None);
        }
        let needed = if percentile == Percentile::P99 { SAMPLES_P99 } else { SAMPLES };
        if total < needed {
            let blind = claims.blind(&format!("{} follower", if self.of == Store::Bucket { "object" } else { store }));
            return Err(Box::new(Finding::inconclusive(format!(
                "only {total} samples from {name}, and {} needs {needed}{blind}",
                percentile.as_str()
            ))));
        }
        // What never arrived is later than everything that did; what was replaced waited at least until then.
        let of = |seen: &Sketch| {
            let rank = (percentile.quantile() * (seen.count() + missing) as f64).ceil() / seen.count().max(1) as f64;
            seen.quantile(rank).filter(|_| rank <= 1.0)
        };
        match of(&lags).map(|lag| lag.max(of(&waits).unwrap_or(0))) {
            Some(lag) => {
                let evidence = format!("{} of {total} writes from {name}", percentile.as_str());
                Ok(Some((lag as f64 / 1e6, evidence)))
            }
            None => Err(Box::new(match claims.unscanned(self.ledger) {
                Some(why) => Finding::inconclusive(format!("{missing} of {total} from {name} not seen, and {why}")),
                None => Finding::failed(format!("{missing} of {total} writes from {name} never arrived")),
            })),
        }
    }

    fn name(&self) -> String {
        format!("{} to {}", self.ledger.regions[self.from], self.ledger.regions[self.to])
    }
}

/// A share of what had to happen; what is unproven may be either.
fn share(good: u64, due: u64, unproven: u64, at_least: Percent, what: &str, evidence: String) -> Finding {
    if due < SAMPLES {
        return Finding::inconclusive(format!("only {due} {what} to judge"));
    }
    let percent = |count: u64| count as f64 / due as f64 * 100.0;
    let (least, most) = (percent(good), percent(good + unproven));
    if least < at_least.get() && most >= at_least.get() {
        return Finding::inconclusive(evidence);
    }
    Finding::at_least(least, at_least.get(), evidence)
}

fn writes(seen: &[WriteSeen], all: u64) -> String {
    named(seen.iter().map(told), all)
}

/// The first few of them, and how many more there are.
fn named(told: impl Iterator<Item = String>, all: u64) -> String {
    let named: Vec<String> = told.take(NAMED).collect();
    let more = all - all.min(named.len() as u64);
    let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
    named.join("; ") + &rest
}

fn told(write: &WriteSeen) -> String {
    let place = write.region.map_or(String::new(), |region| format!(" in {region}"));
    format!("write {} of {} by {}{place} at {}", write.write, write.key, write.by, clock(write.acked_at_ms))
}

fn divergences(seen: &[Divergence], all: u64) -> String {
    let told = |seen: &Divergence| {
        let sides: Vec<String> = seen.sides.iter().map(side).collect();
        format!("{} ({}: {})", seen.key, seen.what, sides.join(", "))
    };
    named(seen.iter().map(told), all)
}

fn misorders(seen: &[Misordered], all: u64) -> String {
    let told = |seen: &Misordered| {
        let deleted = if seen.zombie { "was deleted by" } else { "was followed by" };
        format!("{} ended as {}, but {deleted} {}", seen.key, side(&seen.found), told(&seen.newer))
    };
    named(seen.iter().map(told), all)
}

/// `write 17 of us-east-1 at 00:06:01 in eu-west-1`.
fn side(side: &Side) -> String {
    let region = side.region;
    let Some(digest) = &side.digest else { return format!("nothing in {region}") };
    let Some(write) = side.write else { return format!("{digest} in {region}") };
    let by = side.by.as_ref().map_or(String::new(), |by| format!(" by {by}"));
    let place = side.written_in.map_or(String::new(), |place| format!(" of {place}"));
    let at = side.acked_at_ms.map_or(String::new(), |at| format!(" at {}", clock(at)));
    format!("write {write}{by}{place}{at} in {region}")
}

fn clock(ms: u64) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000)
}
