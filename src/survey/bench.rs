//! What every probe works with: names of its own, deadlines, a list of what must be undone, and the sheet of findings.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout};

use super::apis::{Api, STAGE};
use super::functions::Function;
use super::miss::{Miss, Probed, unknown};
use super::needs;
use super::tables::Replicated;
use crate::capability::{Capability, Finding, Standing};
use crate::region::Region;
use crate::target::{Clients, Internet, Target};
use crate::wait::{self, Look};

/// The tag on everything a probe makes; its value names the survey.
pub const TAG: &str = "blackstart-probe";
/// The chain of what must be undone before anything else.
pub const FAULTS: &str = "faults";
/// How long one removal may take: a stack, or a table with replicas.
const UNDO: Duration = Duration::from_secs(10 * 60);

/// An emulator answers from this machine: what it does not do within this part of the time that AWS may take, it does
/// not do.
const HASTE: u32 = 15;

/// How many characters of evidence a reader gets.
const EVIDENCE: usize = 400;

tokio::task_local! {
    static HASTY: bool;
}

/// Whether what is surveyed is an emulator; by default it is not.
pub fn is_hasty() -> bool {
    HASTY.try_with(|hasty| *hasty).unwrap_or(false)
}

/// Probes in a hurry, if that is meant.
pub async fn hasty<T>(hasty: bool, probing: impl Future<Output = T>) -> T {
    HASTY.scope(hasty, probing).await
}

/// How long something may take to go away.
pub fn patience(deadline: Duration) -> Duration {
    if is_hasty() { deadline / HASTE } else { deadline }
}

/// Of a wait that goes by the periods of an alarm: they are a sixth as long where there is a hurry.
pub fn by_period(deadline: Duration) -> Duration {
    if is_hasty() { deadline * HASTE / 6 } else { deadline }
}

/// What must be taken away again, kept by whoever asked: also where the probing is dropped half-way.
#[derive(Clone, Default)]
pub struct Promises(Rc<RefCell<Vec<Undo>>>);

impl Promises {
    /// Takes away everything that was promised; gives what could not be.
    pub async fn clear(&self) -> Vec<String> {
        let promised: Vec<Undo> = self.0.borrow_mut().drain(..).rev().collect();
        let mut chains: BTreeMap<&'static str, Vec<Undo>> = BTreeMap::new();
        for undo in promised {
            chains.entry(undo.chain).or_default().push(undo);
        }
        // While something is broken nothing else can be removed.
        let mut left = remove(chains.remove(FAULTS).unwrap_or_default()).await;
        left.extend(join_all(chains.into_values().map(remove)).await.concat());
        left
    }
}

/// One thing to take away again. Removing what is not there is no error.
struct Undo {
    /// What belongs together is removed in reverse order; the rest at once.
    chain: &'static str,
    what: String,
    act: LocalBoxFuture<'static, Result<(), String>>,
}

pub struct Bench<'a> {
    pub target: &'a dyn Target,
    /// The primary Region.
    pub here: Region,
    /// Another one.
    pub there: Option<Region>,
    /// Names this survey, and is in the name of all it makes.
    pub run: String,
    /// What several probes use, made by the first of them.
    pub function: OnceCell<Probed<Function>>,
    /// The ARN of the function's alias.
    pub live: OnceCell<Probed<String>>,
    pub api: OnceCell<Probed<Api>>,
    pub table: OnceCell<Probed<Replicated>>,
    /// The hosted zone of this survey.
    pub zone: OnceCell<String>,
    /// A name that name servers of the target have answered.
    pub answered: OnceCell<String>,
    wanted: BTreeSet<Capability>,
    promises: Promises,
    /// Is told each finding.
    told: &'a dyn Fn(&Finding),
    findings: Mutex<BTreeMap<Capability, Finding>>,
}

pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

impl<'a> Bench<'a> {
    pub fn new(
        target: &'a dyn Target,
        wanted: BTreeSet<Capability>,
        promises: Promises,
        told: &'a dyn Fn(&Finding),
    ) -> Self {
        let here = target.primary();
        Self {
            target,
            here,
            there: target.regions().iter().copied().find(|region| *region != here),
            run: base36(u64::try_from(target.clock().now().millis()).unwrap_or(0)),
            function: OnceCell::new(),
            live: OnceCell::new(),
            api: OnceCell::new(),
            table: OnceCell::new(),
            zone: OnceCell::new(),
            answered: OnceCell::new(),
            wanted,
            promises,
            told,
            findings: Mutex::default(),
        }
    }

    /// The name of something of this survey's own.
    pub fn name(&self, part: &str) -> String {
        format!("{TAG}-{}-{part}", self.run)
    }

    pub fn clients(&self, region: Region) -> Probed<&'a Clients> {
        self.target.clients_in(region).map_err(|error| Miss::Unknown(error.to_string()))
    }

    /// The clients of the primary Region.
    pub fn ours(&self) -> Probed<&'a Clients> {
        self.clients(self.here)
    }

    /// Another Region and its clients.
    pub fn theirs(&self) -> Probed<(Region, &'a Clients)> {
        match self.there {
            Some(region) => Ok((region, self.clients(region)?)),
            None => unknown("the target has one Region: there is no other to look in"),
        }
    }

    /// How users reach what the probes have deployed so far.
    pub fn internet(&self) -> Arc<dyn Internet> {
        let api = self.api.get().and_then(|api| api.as_ref().ok());
        let roles = |role: &str, region: Region| match role {
            "hosted-zone" => self.zone.get().cloned(),
            "api-host" if region == self.here => api.map(|api| api.host.clone()),
            "stage" if region == self.here => api.map(|_| STAGE.to_owned()),
            _ => None,
        };
        self.target.internet(&roles)
    }

    /// Tries a capability, if anybody asked, until the deadline. What it needs must be proven already.
    pub async fn attempt(&self, capability: Capability, deadline: Duration, trying: impl Future<Output = Probed>) {
        if !self.wanted.contains(&capability) {
            return;
        }
        let (begun, at) = (Instant::now(), self.target.clock().now().iso8601());
        let probed = match self.blocked(capability) {
            Some(miss) => Err(miss),
            None => timeout(deadline, trying).await.unwrap_or_else(|_| {
                Err(Miss::Absent(format!("it did not come to an end within {} s", deadline.as_secs())))
            }),
        };
        let (standing, evidence) = match probed {
            Ok(seen) => (Standing::Proven, seen),
            Err(miss) => (miss.standing(), miss.evidence().to_owned()),
        };
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let evidence = line(&evidence);
        let finding = Finding { capability, standing, evidence, took_ms, at, age_s: None };
        (self.told)(&finding);
        locked(&self.findings).insert(capability, finding);
    }

    /// Why a capability cannot be tried: the first that it needs and that was not proven.
    fn blocked(&self, capability: Capability) -> Option<Miss> {
        let findings = locked(&self.findings);
        let missing = |need: &&Capability| findings.get(need).is_none_or(|found| found.standing != Standing::Proven);
        let need = needs::of(capability).iter().find(missing)?;
        let Some(found) = findings.get(need) else {
            return Some(Miss::Unknown(format!("not tried: nobody has tried {need} before")));
        };
        let is = if found.standing == Standing::Lie { "a lie" } else { found.standing.as_str() };
        let why = format!("not tried: {need} is {is}: {}", found.evidence);
        // Without what it stands on it is not there either; on what pretends to be there nothing can be shown.
        let absent = found.standing == Standing::Absent;
        Some(if absent { Miss::Absent(why) } else { Miss::Unknown(why) })
    }

    /// Whether anybody asked for one of these.
    pub fn wants(&self, capabilities: &[Capability]) -> bool {
        capabilities.iter().any(|capability| self.wanted.contains(capability))
    }

    /// Promises to take something away. Promise first, then make: a call that hangs may still have made it.
    pub fn undo(
        &self,
        chain: &'static str,
        what: impl Into<String>,
        act: impl Future<Output = Result<(), String>> + 'static,
    ) {
        self.promises.0.borrow_mut().push(Undo { chain, what: what.into(), act: act.boxed_local() });
    }

    /// Takes away everything that was promised; gives what could not be.
    pub async fn clear(&self) -> Vec<String> {
        self.promises.clear().await
    }

    pub fn findings(&self) -> Vec<Finding> {
        locked(&self.findings).values().cloned().collect()
    }
}

/// Removes one thing after another; gives what could not be.
async fn remove(chain: Vec<Undo>) -> Vec<String> {
    let mut left = Vec::new();
    for Undo { what, act, .. } in chain {
        match timeout(patience(UNDO), act).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => left.push(format!("{what}: {why}")),
            Err(_) => left.push(format!("{what}: its removal took more than {} s", patience(UNDO).as_secs())),
        }
    }
    left
}

/// Looks until it is ready; what was seen last where it never was.
pub async fn until<T>(
    deadline: Duration,
    interval: Duration,
    look: impl AsyncFnMut() -> Probed<Look<T>>,
) -> Probed<Result<T, String>> {
    let (deadline, interval) = if is_hasty() { (deadline / HASTE, interval / 4) } else { (deadline, interval) };
    let waited = wait::until("the probe", deadline, interval, look).await?;
    Ok(waited.map_err(|gave_up| format!("{} s later {}", gave_up.waited.as_secs(), gave_up.last)))
}

/// One line, and not the whole answer of a service that the SDK could not read.
fn line(evidence: &str) -> String {
    let words = evidence.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(EVIDENCE) {
        Some((end, _)) => format!("{}...", words[..end].trim_end()),
        None => words,
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_one_line_of_some_length() {
        assert_eq!(line("it said:\n  no  such\tthing\n"), "it said: no such thing");
        let long = line(&"\u{e4} ".repeat(1_000));
        assert_eq!((long.chars().count(), long.ends_with("...")), (EVIDENCE + 2, true));
    }
}
