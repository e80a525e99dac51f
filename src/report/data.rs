//! What became of the data: the same sentences on a terminal and in Markdown, each only where there is something to say.

use super::figures::{clock, count, span};
use crate::judge::{Convergence, Divergence, Lag, Outcome, ReadsSeen, Replication, Rpo, Side, Verdict, WriteSeen};

/// How many writes and keys are named; the verdict holds more.
const NAMED: usize = 5;

/// The classes of the ledger, each with its count.
pub fn classes(rpo: &Rpo) -> [(&'static str, u64); 7] {
    [
        ("acknowledged", rpo.acked),
        ("stable", rpo.stable),
        ("late", rpo.late),
        ("overwritten", rpo.overwritten),
        ("lost", rpo.lost),
        ("unproven", rpo.unproven),
        ("unknown", rpo.unknown),
    ]
}

/// What the Data section says beside the classes, the most important first.
pub fn sentences(verdict: &Verdict) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(rpo) = &verdict.rpo {
        said.push(rpo_line(rpo));
        said.extend(stranded(rpo));
        said.extend(rpo.lost_writes.iter().take(NAMED).map(|write| format!("lost: {}", told(write))));
        if rpo.lost > NAMED as u64 {
            said.push(format!("and {} more in verdict.json", count(rpo.lost - NAMED as u64)));
        }
        if rpo.happened > 0 {
            said.push(format!("{} of the unknown writes were found to have happened", count(rpo.happened)));
        }
    }
    if let Some(seen) = &verdict.convergence {
        convergence(seen, &mut said);
    }
    said.extend(verdict.reads.iter().map(reads));
    if let Some(seen) = &verdict.objects {
        if seen.acked > 0 {
            said.push(format!(
                "objects: {} acknowledged, {} stable, {} late, {} overwritten, {} lost, {} unproven",
                count(seen.acked),
                count(seen.stable),
                count(seen.late),
                count(seen.overwritten),
                count(seen.lost),
                count(seen.unproven)
            ));
        }
        if seen.divergent > 0 {
            said.push(format!("{} of {} objects differ between Regions", count(seen.divergent), count(seen.compared)));
            said.extend(seen.first.iter().take(NAMED).map(divergence));
        }
        said.extend(seen.examples.iter().take(NAMED).cloned());
    }
    said
}

/// One sentence about the data, for the first line of a report.
pub fn headline(verdict: &Verdict) -> Option<String> {
    let mut failed = verdict.assertions.iter().filter(|judged| judged.verdict == Outcome::Fail);
    if let Some(first) = failed.next() {
        let more = failed.count();
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        return Some(format!("{} does not hold{more}", first.id));
    }
    let rpo = verdict.rpo.as_ref()?;
    let acked = count(rpo.acked);
    if rpo.lost > 0 {
        return Some(format!("{} of {acked} acknowledged writes {} lost", count(rpo.lost), were(rpo.lost)));
    }
    let open = rpo.unproven + u64::from(verdict.convergence.as_ref().is_none_or(|seen| seen.compared == 0));
    if open > 0 {
        return Some(format!("what became of {acked} acknowledged writes was not proven to the end"));
    }
    let seen = verdict.convergence.as_ref()?;
    if seen.divergent > 0 {
        return Some(format!(
            "{} of {} items ended unlike in the Regions",
            count(seen.divergent),
            count(seen.compared)
        ));
    }
    let when = match seen.took_ms {
        Some(took) => format!(", and the Regions had caught up after {}", span(took)),
        None => String::new(),
    };
    Some(format!("none of {acked} acknowledged writes was lost{when}"))
}

/// The directions that were measured, each with the name of its store.
pub fn lags(replication: &Replication) -> impl Iterator<Item = (&'static str, &Lag)> {
    let stores = [("table", &replication.tables), ("bucket", &replication.objects), ("secret", &replication.secrets)];
    stores.into_iter().flat_map(|(store, lags)| lags.iter().map(move |lag| (store, lag)))
}

/// What is said of the secret.
pub fn secrets(verdict: &Verdict) -> Vec<String> {
    let Some(seen) = &verdict.secrets else { return Vec::new() };
    let mut said = Vec::new();
    for rotation in &seen.rotations {
        let took = rotation.agreed_ms.map_or("no agreement".to_owned(), |ms| format!("agreed after {}", span(ms)));
        said.push(format!("{}: {took} ({})", rotation.operation, rotation.evidence));
    }
    for window in &seen.rejected {
        let (region, version, from) = (window.region, &window.version, clock(window.from_ms));
        let lasted = span(window.lasted_ms);
        said.push(format!("{region} served version {version}, which the backend rejected, for {lasted} from {from}"));
    }
    for span in &seen.served {
        let until = span.until_ms.map_or("the end".to_owned(), clock);
        said.push(format!("{} served version {} from {} to {until}", span.region, span.version, clock(span.from_ms)));
    }
    said
}

fn rpo_line(rpo: &Rpo) -> String {
    match rpo.lost {
        0 if rpo.unproven > 0 => {
            format!("RPO unproven: {} writes were not followed to the end", count(rpo.unproven))
        }
        0 => "RPO 0s: no acknowledged write was lost".to_owned(),
        lost => {
            let seconds = span((rpo.seconds * 1e3).ceil() as u64);
            format!("RPO {seconds}: {} of {} acknowledged writes {} lost", count(lost), count(rpo.acked), were(lost))
        }
    }
}

fn were(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

fn stranded(rpo: &Rpo) -> Option<String> {
    let seen = rpo.stranded.as_ref()?;
    let (region, at) = (seen.region, clock(seen.at_ms));
    if seen.writes == 0 {
        return Some(format!("nothing was stranded in {region} when it was lost at {at}"));
    }
    let back = seen.last_arrived_ms.map_or(String::new(), |ms| format!(" by {}", clock(ms)));
    let unproven = seen.writes - (seen.arrived + seen.overwritten + seen.lost).min(seen.writes);
    let unproven = if unproven > 0 { format!(", {} unproven", count(unproven)) } else { String::new() };
    Some(format!(
        "only {region} had {} writes when it was lost at {at}, the oldest {} old; {} arrived{back}, {} overwritten, {} \
         lost{unproven}",
        count(seen.writes),
        span((seen.seconds * 1e3).ceil() as u64),
        count(seen.arrived),
        count(seen.overwritten),
        count(seen.lost)
    ))
}

fn convergence(seen: &Convergence, said: &mut Vec<String>) {
    match (seen.since_ms, seen.took_ms) {
        (Some(since), Some(took)) => {
            said.push(format!("all writes acknowledged by {} were everywhere {} later", clock(since), span(took)));
        }
        (Some(since), None) => {
            let open = count(seen.open);
            said.push(format!(
                "not proven that all writes acknowledged by {} got everywhere; {open} open",
                clock(since)
            ));
        }
        (None, _) => {}
    }
    match (seen.compared, seen.divergent) {
        (0, _) => said.push("the Regions' final states were not compared".to_owned()),
        (compared, 0) => said.push(format!("final scans: {} items, the same in every Region", count(compared))),
        (compared, divergent) => {
            said.push(format!("final scans: {} of {} items differ", count(divergent), count(compared)));
            said.extend(seen.first.iter().take(NAMED).map(divergence));
        }
    }
    if seen.misordered > 0 {
        let (misordered, zombies) = (count(seen.misordered), count(seen.zombies));
        said.push(format!("{misordered} items ended as an earlier write than their last, {zombies} of them deleted"));
        said.extend(
            seen.misorders
                .iter()
                .take(NAMED)
                .map(|seen| format!("{}: {} instead of {}", seen.newer.key, side(&seen.found), told(&seen.newer))),
        );
    }
}

fn reads(seen: &ReadsSeen) -> String {
    let ms = |ms: Option<u64>| ms.map_or("-".to_owned(), span);
    format!(
        "reads in {}: {}, {} stale, p99 {} old, worst {}; {} went back in time",
        seen.region,
        count(seen.reads),
        count(seen.stale),
        ms(seen.p99_ms),
        ms(seen.worst_ms),
        count(seen.backwards)
    )
}

fn told(write: &WriteSeen) -> String {
    let place = write.region.map_or(String::new(), |region| format!(" in {region}"));
    format!("write {} of {} by {}{place} at {}", write.write, write.key, write.by, clock(write.acked_at_ms))
}

fn divergence(seen: &Divergence) -> String {
    let sides: Vec<String> = seen.sides.iter().map(side).collect();
    format!("{} ({}): {}", seen.key, seen.what, sides.join(", "))
}

fn side(side: &Side) -> String {
    match (&side.digest, side.write) {
        (None, _) => format!("nothing in {}", side.region),
        (Some(digest), None) => format!("{digest} in {}", side.region),
        (Some(_), Some(write)) => {
            let by = side.by.as_ref().map_or(String::new(), |by| format!(" by {by}"));
            let at = side.acked_at_ms.map_or(String::new(), |at| format!(" at {}", clock(at)));
            format!("write {write}{by}{at} in {}", side.region)
        }
    }
}
