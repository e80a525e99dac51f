//! The canary's conductor: deploy beside, shift a little, bake, judge, shift more; promote or go back.
//!
//! ```text
//! read and note what is there → drain → update and publish → step by step: shift everywhere, bake, analyse ─┬→ promote
//!                                                                 └─ worse, too little data, conflict ──────┴→ go back
//! ```
//!
//! Regions move in lockstep: a step begins when it is set everywhere, and one Region's bad news takes all of them back.
//! What was there before is in the undo log before the first change. `judge::canary` decides, live and again afterwards.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::json;
use tokio::time::Instant;

use super::{RunError, record_stack, start};
use crate::deploy::{self, DeployError, Deployment, StackDirectory};
use crate::history::{CanaryAction, Event, Recorder};
use crate::judge::canary::{Advice, Trial};
use crate::region::Region;
use crate::scenario::{CanaryPlan, CanaryStep, Plan, Shift};
use crate::shift::{Alias, Sets, ShiftError, Versions, Weighted, Weights};
use crate::target::Target;

/// How often a step that bakes is looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How often what was set is compared with what is there.
const COMPARE: Duration = Duration::from_secs(30);
/// The parts that weights are set in: Route 53 takes whole numbers from 0 to 255.
const PARTS: f64 = 200.0;
/// How often the name servers are asked, from each population's place, whether they lead where they should.
const ASKED: u32 = 20;
/// The alias that a stage's canary leads to, and the parameters with its share and its name.
const STAGE_ALIAS: &str = "canary";
const STAGE_SHARE: &str = "StageCanaryPercent";
const STAGE_TO: &str = "StageCanaryAlias";

/// A canary on its way.
pub struct Conductor<'a> {
    plan: &'a Plan,
    canary: &'a CanaryPlan,
    target: &'a dyn Target,
    recorder: &'a Recorder,
    trial: Arc<Mutex<Trial>>,
    directory: StackDirectory,
    deployment: Deployment,
    weights: Option<WeightsMoved>,
    aliases: Vec<AliasMoved>,
    updated: Vec<Updated>,
    step: u32,
}

/// The records, as they were and as they were set last.
struct WeightsMoved {
    weights: Weights,
    before: Sets,
    now: Sets,
    undo: u32,
}

/// The alias of one Region.
struct AliasMoved {
    alias: Alias,
    before: Versions,
    now: Versions,
    /// The version that is released.
    canary: String,
    undo: u32,
}

/// A Region whose stack was updated, and the parameters it had.
struct Updated {
    region: Region,
    before: IndexMap<String, String>,
    undo: u32,
}

/// Why a canary does not go on.
struct Stop {
    action: CanaryAction,
    why: String,
}

impl Stop {
    fn worse(why: impl Into<String>) -> Self {
        Self { action: CanaryAction::RollingBack, why: why.into() }
    }
}

impl From<ShiftError> for Stop {
    fn from(error: ShiftError) -> Self {
        let action = match error {
            ShiftError::Conflict(_) => CanaryAction::Conflict,
            ShiftError::Busy(_) | ShiftError::Failed(_) => CanaryAction::Failed,
        };
        Self { action, why: error.to_string() }
    }
}

impl From<DeployError> for Stop {
    fn from(error: DeployError) -> Self {
        Self { action: CanaryAction::Failed, why: error.to_string() }
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self { action: CanaryAction::Failed, why: format!("the undo log cannot be written: {error}") }
    }
}

/// The trial of the plan's canary, if it has one: sees all that is recorded from now on.
pub fn attend(plan: &Plan, recorder: &Recorder) -> Option<Arc<Mutex<Trial>>> {
    let trial = Arc::new(Mutex::new(Trial::new(plan)?));
    let fed = Arc::clone(&trial);
    recorder.watch(Box::new(move |record| fed.lock().unwrap_or_else(PoisonError::into_inner).observe(record)));
    Some(trial)
}

/// Carries out the plan's canary, if it has one. Whatever becomes of it is in the history.
pub async fn conduct(
    plan: &Plan,
    target: &dyn Target,
    stack: (&Deployment, &StackDirectory),
    recorder: &Recorder,
    trial: Option<Arc<Mutex<Trial>>>,
) -> Result<(), RunError> {
    let Some((canary, trial)) = plan.canary.as_ref().zip(trial) else { return Ok(()) };
    let (deployment, directory) = (stack.0.clone(), stack.1.clone());
    let mut conductor = Conductor {
        plan,
        canary,
        target,
        recorder,
        trial,
        directory,
        deployment,
        weights: None,
        aliases: Vec::new(),
        updated: Vec::new(),
        step: 0,
    };
    conductor.wants()?;
    tokio::time::sleep(canary.at).await;
    if let Err(stop) = conductor.release().await {
        conductor.go_back(stop).await;
    }
    Ok(())
}

impl Conductor<'_> {
    /// What the stack must have for this canary; asked before anything is changed.
    fn wants(&self) -> Result<(), RunError> {
        let needs = |role, region| self.deployment.role(role, region).map(|_| ()).ok_or(RunError::NoRole(role));
        for region in self.target.regions() {
            needs("alias", *region)?;
        }
        if self.canary.by == Shift::Stage {
            needs("api-source", self.target.primary())?;
        }
        if self.canary.by == Shift::Route53 {
            needs("hosted-zone", self.target.primary())?;
            needs("public-name", self.target.primary())?;
        }
        Ok(())
    }

    async fn release(&mut self) -> Result<(), Stop> {
        self.note().await?;
        if self.canary.by == Shift::Route53 {
            // Nobody must meet the new version before its first step: the Region is emptied first.
            self.spread(0.0, "drained for the canary").await?;
        }
        for region in self.canary.regions.clone() {
            self.deploy(region).await?;
        }
        self.tell(CanaryAction::Deployed, None, format!("{} in {}", self.named(), self.places()));
        for (number, step) in (1..).zip(&self.canary.steps) {
            self.step = number;
            self.set(*step).await?;
            self.bake(*step).await?;
        }
        self.promote().await
    }

    /// Reads what is there and writes it to the undo log.
    async fn note(&mut self) -> Result<(), Stop> {
        let undo = self.recorder.undo();
        if self.canary.by == Shift::Route53 {
            let primary = self.target.primary();
            let role = |role| self.deployment.role(role, primary).unwrap_or_default().to_owned();
            let (zone, name) = (role("hosted-zone"), role("public-name"));
            let weights = Weights::new(&self.clients(primary)?.route53, &zone, &name);
            let before = weights.read().await?;
            for region in &self.canary.regions {
                if !before.weights().contains_key(region.as_str()) {
                    let what = format!("{name} has no weighted record with the set identifier {region}");
                    return Err(ShiftError::Failed(what).into());
                }
            }
            let undo =
                undo.before(&format!("weights of {name} in zone {zone}"), weights.described(primary, &before))?;
            self.weights = Some(WeightsMoved { weights, now: before.clone(), before, undo });
        }
        let mut regions = self.canary.regions.clone();
        if self.canary.by == Shift::Route53 {
            // Promotion takes it everywhere.
            regions.extend(self.target.regions().iter().filter(|region| !self.canary.regions.contains(region)));
        }
        for region in regions {
            let arn = self.deployment.role("alias", region).unwrap_or_default();
            let alias = Alias::of_arn(&self.clients(region)?.lambda, region, arn)
                .ok_or_else(|| ShiftError::Failed(format!("{arn:?} is no ARN of an alias")))?;
            let before = alias.read().await?;
            if before.other.is_some() {
                let what = format!("the {} has two versions already: another canary is on its way", alias.name());
                return Err(ShiftError::Conflict(what).into());
            }
            let undo = undo.before(&alias.name(), alias.described(&before))?;
            self.aliases.push(AliasMoved { alias, now: before.clone(), before, canary: String::new(), undo });
        }
        Ok(())
    }

    /// Updates one Region's stack and publishes the version that is released; nothing leads to it yet.
    async fn deploy(&mut self, region: Region) -> Result<(), Stop> {
        self.update(region, &self.canary.release).await?;
        let Some(moved) = self.aliases.iter_mut().find(|moved| moved.alias.region == region) else { return Ok(()) };
        moved.canary = moved.alias.publish().await?;
        let control = moved.alias.release_of(&moved.before.version).await?;
        let canary = moved.alias.release_of(&moved.canary).await?;
        match control.zip(canary) {
            Some((control, canary)) if control != canary => {
                self.recorder.record(Event::Releases { region, control, canary });
                Ok(())
            }
            named => {
                let name = named.map_or_else(|| "no name".to_owned(), |(name, _)| name);
                let what = format!(
                    "the version to release in {region} answers under {name}, as the one that is there does: nobody could \
                     tell them apart"
                );
                Err(ShiftError::Failed(what).into())
            }
        }
    }

    async fn update(&mut self, region: Region, parameters: &IndexMap<String, String>) -> Result<(), Stop> {
        let had = |name: &String| self.directory.parameters.get(region, name).unwrap_or_default();
        let before: IndexMap<String, String> =
            parameters.keys().map(|name| (name.clone(), had(name).to_owned())).collect();
        let here = self.deployment.stacks().filter(|(_, place)| *place == region);
        let stacks: Vec<String> = here.map(|(stack, _)| stack).collect();
        let noted = json!({ "kind": "parameters", "region": region, "stacks": stacks, "parameters": before });
        let undo = self.recorder.undo().before(&format!("parameters of the stack in {region}"), noted)?;
        self.updated.push(Updated { region, before, undo });
        self.apply(region, parameters).await
    }

    async fn apply(&mut self, region: Region, parameters: &IndexMap<String, String>) -> Result<(), Stop> {
        let recorder = self.recorder;
        let progress = |progress| record_stack(recorder, progress);
        let Self { directory, deployment, target, .. } = self;
        deploy::update(*target, directory, deployment, region, parameters, progress).await?;
        Ok(())
    }

    /// Gives the canary its share in every Region, and waits until users can have noticed.
    async fn set(&mut self, step: CanaryStep) -> Result<(), Stop> {
        let share = step.share.ratio();
        match self.canary.by {
            Shift::Route53 => {
                // Half of what the Region gets stays with the version that was there: the control.
                self.lead(if share < 1.0 { 0.5 } else { 1.0 }).await?;
                self.spread(share, &format!("step {}", self.step)).await?;
            }
            Shift::Alias => self.lead(share).await?,
            Shift::Stage => self.stage(share).await?,
        }
        self.tell(
            CanaryAction::Baking,
            Some(step),
            format!("{} gets {} in {}", self.named(), step.share, self.places()),
        );
        Ok(())
    }

    /// Leads this share of each Region's function to the new version.
    async fn lead(&mut self, share: f64) -> Result<(), Stop> {
        for moved in self.aliases.iter_mut().filter(|moved| !moved.canary.is_empty()) {
            let canary = moved.canary.clone();
            let (version, other) =
                if share < 1.0 { (&moved.before.version, Some((canary.as_str(), share))) } else { (&canary, None) };
            self.recorder.undo().sets(moved.undo, json!(Versions::to(version, other)))?;
            let set = moved.alias.set(&moved.now, version, other).await;
            moved.now = set.map_err(|error| named(&moved.alias.name(), error))?;
        }
        Ok(())
    }

    /// Gives the canary's Region the share, as much for its control, and the others the rest as they had it.
    async fn spread(&mut self, share: f64, why: &str) -> Result<(), Stop> {
        let Some(moved) = &mut self.weights else { return Ok(()) };
        let region = self.canary.regions.first().map_or("", |region| region.as_str());
        let wanted = weights_for(share, region, &moved.before.weights());
        if moved.now.weights() == wanted {
            return Ok(());
        }
        let there = moved.weights.read().await?;
        if there != moved.now {
            return Err(foreign(&moved.now, &there).into());
        }
        self.recorder.undo().sets(moved.undo, json!(wanted))?;
        let (change, now) = moved.weights.set(&there, &wanted, why).await?;
        moved.now = now;
        moved.weights.insync(&change).await?;
        // Resolvers let go of the old answer.
        tokio::time::sleep(moved.now.ttl()).await;
        Ok(())
    }

    async fn stage(&mut self, share: f64) -> Result<(), Stop> {
        let percent = format!("{}", share * 100.0);
        for region in self.canary.regions.clone() {
            if let Some(moved) = self.aliases.iter().find(|moved| moved.alias.region == region) {
                let source = self.deployment.role("api-source", region).unwrap_or_default();
                moved.alias.also(STAGE_ALIAS, &moved.canary, source).await?;
            }
            let parameters = IndexMap::from([
                (STAGE_SHARE.to_owned(), percent.clone()),
                (STAGE_TO.to_owned(), STAGE_ALIAS.to_owned()),
            ]);
            if self.updated.iter().any(|known| known.region == region && known.before.contains_key(STAGE_SHARE)) {
                self.apply(region, &parameters).await?;
            } else {
                self.update(region, &parameters).await?;
            }
        }
        Ok(())
    }

    /// Waits out a step, and longer where it lacks data.
    async fn bake(&mut self, step: CanaryStep) -> Result<(), Stop> {
        let begun = Instant::now();
        let mut compared = begun;
        let mut held = false;
        loop {
            tokio::time::sleep(LOOK).await;
            if let Some(why) = self.trial().alarm() {
                return Err(Stop::worse(why));
            }
            if compared.elapsed() >= COMPARE {
                compared = Instant::now();
                self.compare().await?;
            }
            if begun.elapsed() < step.bake {
                continue;
            }
            let seen = self.trial().analysis(self.recorder.now_us());
            match seen.advice {
                Advice::Proceed => {
                    self.compare().await?;
                    self.tell(CanaryAction::Passed, Some(step), seen.reason);
                    return Ok(());
                }
                Advice::RollBack => return Err(Stop::worse(seen.reason)),
                Advice::Hold if begun.elapsed() >= step.bake + self.canary.hold => {
                    return Err(Stop::worse(format!("held to the end and still undecided: {}", seen.reason)));
                }
                Advice::Hold if !held => {
                    held = true;
                    self.tell(CanaryAction::Holding, Some(step), seen.reason);
                }
                Advice::Hold => {}
            }
        }
    }

    /// Whether all is still as it was set last.
    async fn compare(&self) -> Result<(), Stop> {
        if let Some(moved) = &self.weights {
            let there = moved.weights.read().await?;
            if there != moved.now {
                return Err(foreign(&moved.now, &there).into());
            }
        }
        for moved in &self.aliases {
            let there = moved.alias.read().await?;
            if !there.leads_like(&moved.now) {
                let what = format!("somebody else changed the {}", moved.alias.name());
                return Err(ShiftError::Conflict(what).into());
            }
        }
        Ok(())
    }

    /// The new version serves everybody, and weights are again what they were.
    async fn promote(&mut self) -> Result<(), Stop> {
        let rest: Vec<Region> = self.aliases.iter().filter(|m| m.canary.is_empty()).map(|m| m.alias.region).collect();
        for region in rest {
            self.deploy(region).await?;
        }
        self.lead(1.0).await?;
        if self.canary.by == Shift::Stage {
            self.stage(0.0).await?;
        }
        if let Some(moved) = &mut self.weights {
            let restored = moved.weights.restore(&[moved.now.weights()], &moved.before.weights()).await?;
            if let Some(change) = restored.change {
                moved.weights.insync(&change).await?;
            }
            self.recorder.undo().undone(moved.undo)?;
        }
        for undo in self.aliases.iter().map(|m| m.undo).chain(self.updated.iter().map(|u| u.undo)) {
            self.recorder.undo().kept(undo)?;
        }
        self.tell(CanaryAction::Promoted, None, format!("{} serves everybody", self.named()));
        Ok(())
    }

    /// Back to what was there: aliases first, which act at once; then weights; then what the stacks were made of.
    async fn go_back(&mut self, stop: Stop) {
        self.tell(stop.action, None, stop.why);
        let mut left = Vec::new();
        for moved in &self.aliases {
            match moved.alias.restore(std::slice::from_ref(&moved.now), &moved.before).await {
                Ok(()) => left.extend(self.recorder.undo().undone(moved.undo).err().map(|error| error.to_string())),
                Err(error) => left.push(format!("{}: {error}", moved.alias.name())),
            }
        }
        if let Some(moved) = &self.weights {
            match restore_weights(moved).await {
                Ok(others) if others.is_empty() => {
                    left.extend(self.misled(&moved.before.weights()).await);
                    left.extend(self.recorder.undo().undone(moved.undo).err().map(|error| error.to_string()));
                }
                Ok(others) => left.push(format!("somebody else set the weights of {}", others.join(", "))),
                Err(error) => left.push(format!("the weights: {error}")),
            }
        }
        for index in (0..self.updated.len()).rev() {
            let (region, before, undo) =
                (self.updated[index].region, self.updated[index].before.clone(), self.updated[index].undo);
            match self.apply(region, &before).await {
                Ok(()) => left.extend(self.recorder.undo().undone(undo).err().map(|error| error.to_string())),
                Err(stop) => left.push(format!("the stack in {region}: {}", stop.why)),
            }
        }
        if left.is_empty() {
            let what = "aliases, weights and parameters are what they were, read again; the name servers agree";
            self.tell(CanaryAction::RolledBack, None, what.to_owned());
        } else {
            self.tell(CanaryAction::Failed, None, format!("not all could be put back: {}", left.join("; ")));
        }
    }

    /// Places whose name servers still lead to a Region that should get nothing.
    async fn misled(&self, weights: &Weighted) -> Option<String> {
        let name = self.deployment.role("public-name", self.target.primary())?;
        let internet = start::internet(self.target, &self.deployment);
        for population in &self.plan.traffic {
            for _ in 0..ASKED {
                let answer = internet.authoritative(population.from, name).await;
                let regions = answer.addresses.iter().filter_map(|address| internet.region_of(*address));
                let wrong = regions.into_iter().find(|region| weights.get(region.as_str()) == Some(&0));
                if let Some(region) = wrong.filter(|_| weights.values().any(|weight| *weight > 0)) {
                    return Some(format!("the name servers still lead {} to {region}", population.from));
                }
            }
        }
        None
    }

    fn tell(&self, action: CanaryAction, step: Option<CanaryStep>, what: String) {
        let share = step.map(|step| step.share.get());
        self.recorder.record(Event::Canary { action, step: self.step, share, what });
    }

    fn trial(&self) -> std::sync::MutexGuard<'_, Trial> {
        self.trial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clients(&self, region: Region) -> Result<&crate::target::Clients, ShiftError> {
        self.target.clients_in(region).map_err(|error| ShiftError::Failed(error.to_string()))
    }

    /// `OrdersVersion 2.0.0`.
    fn named(&self) -> String {
        let parameters = self.canary.release.iter().map(|(name, value)| format!("{name} {value}"));
        parameters.collect::<Vec<_>>().join(", ")
    }

    fn places(&self) -> String {
        self.canary.regions.iter().map(|region| region.as_str()).collect::<Vec<_>>().join(" and ")
    }
}

/// Puts the weights back and waits until every name server has them; those that somebody else had set.
async fn restore_weights(moved: &WeightsMoved) -> Result<Vec<String>, ShiftError> {
    let before = moved.before.weights();
    let restored = moved.weights.restore(&[moved.now.weights()], &before).await?;
    if let Some(change) = restored.change {
        moved.weights.insync(&change).await?;
    }
    Ok(restored.left)
}

/// The weights that give the canary's Region twice the share, and the others the rest in the proportions they had.
fn weights_for(share: f64, region: &str, before: &Weighted) -> Weighted {
    let own = if share < 1.0 { 2.0 * share } else { 1.0 };
    let own = (own * PARTS).round().min(PARTS);
    let others: f64 = before.iter().filter(|(id, _)| *id != region).map(|(_, weight)| *weight as f64).sum();
    let count = before.len().saturating_sub(1).max(1) as f64;
    let rest = |weight: i64| if others > 0.0 { weight as f64 / others } else { 1.0 / count };
    let weight = |id: &String, weight: i64| if id == region { own } else { (rest(weight) * (PARTS - own)).round() };
    before.iter().map(|(id, had)| (id.clone(), weight(id, *had) as i64)).collect()
}

/// What somebody else changed about the records.
fn foreign(ours: &Sets, theirs: &Sets) -> ShiftError {
    ShiftError::Conflict(format!("somebody else changed the records since they were set: {}", ours.difference(theirs)))
}

fn named(what: &str, error: ShiftError) -> ShiftError {
    match error {
        ShiftError::Conflict(why) => ShiftError::Conflict(format!("{what}: {why}")),
        ShiftError::Busy(why) => ShiftError::Busy(format!("{what}: {why}")),
        ShiftError::Failed(why) => ShiftError::Failed(format!("{what}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(us: i64, eu: i64) -> Weighted {
        Weighted::from([("us-east-1".to_owned(), us), ("eu-west-1".to_owned(), eu)])
    }

    #[test]
    fn the_canarys_region_gets_twice_the_share() {
        let of = |share| weights_for(share, "eu-west-1", &weights(100, 0));
        assert_eq!(of(0.0), weights(200, 0));
        assert_eq!(of(0.01), weights(196, 4));
        assert_eq!(of(0.25), weights(100, 100));
        assert_eq!(of(1.0), weights(0, 200));
    }

    #[test]
    fn other_regions_keep_their_proportions() {
        let before = Weighted::from([("a".to_owned(), 30), ("b".to_owned(), 10), ("c".to_owned(), 7)]);
        let expected = Weighted::from([("a".to_owned(), 135), ("b".to_owned(), 45), ("c".to_owned(), 20)]);
        assert_eq!(weights_for(0.05, "c", &before), expected);
    }
}
