//! From what was written to what is meant. The only place where a scenario is checked.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;
use serde_saphyr::{Location, Spanned};

use super::clients::Behaviour;
use super::error::{ScenarioError, hint};
use super::file::{File, PopulationFile, SettingsFile, TargetFile, Text};
use super::plan::{Failback, Plan, Population, StackSettings, SteadyState, TargetPlan};
use super::quantity::{Operation, Percent, Rate, parse_duration};
use super::{check_assertions, check_canary, check_data, check_faults, vocabulary};
use crate::region::{Place, Region};
use crate::seed::Seed;

/// Reads and checks a scenario file.
pub fn load(path: &Path) -> Result<Plan, ScenarioError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ScenarioError::Unreadable { file: path.to_owned(), source })?;
    read(path, &text, true)
}

/// Checks the text of a scenario; `path` is where it says it comes from. Whether its stack exists is not looked at.
pub fn parse(path: &Path, text: &str) -> Result<Plan, ScenarioError> {
    read(path, text, false)
}

fn read(path: &Path, text: &str, look: bool) -> Result<Plan, ScenarioError> {
    let checker = Checker { file: path, look };
    let options = serde_saphyr::options! { with_snippet: false };
    let file: File =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| ScenarioError::of_yaml(path, &error))?;
    checker.plan(&file)
}

/// Knows which file the errors are of.
pub struct Checker<'a> {
    file: &'a Path,
    /// Whether to look at the file system.
    look: bool,
}

impl Checker<'_> {
    fn plan(&self, file: &File) -> Result<Plan, ScenarioError> {
        let default = Plan::default();
        let target = self.target(&file.target)?;
        let window = self.duration_or(file.steady_state.window.as_ref(), default.steady_state.window)?;
        let steady_state = SteadyState {
            duration: self.duration_or(file.steady_state.duration.as_ref(), default.steady_state.duration)?,
            success_at_least: self
                .percent_or(file.steady_state.success_at_least.as_ref(), default.steady_state.success_at_least)?,
            window,
        };
        if window.is_zero() || window > steady_state.duration {
            let at = file.steady_state.window.as_ref().or(file.steady_state.duration.as_ref());
            let what = "the window of steady_state must be more than 0s and fit into its duration";
            return Err(self.bad(at.map_or(Location::UNKNOWN, |text| text.referenced), what));
        }
        let mut traffic: Vec<Population> = Vec::new();
        for written in &file.traffic.value {
            let population = self.population(written, &target.regions)?;
            if traffic.iter().any(|known| known.name == population.name) {
                return Err(
                    self.bad(written.population.referenced, format!("population {:?} is named twice", population.name))
                );
            }
            traffic.push(population);
        }
        if traffic.is_empty() {
            return Err(self.bad(file.traffic.referenced, "no traffic: expected at least one population"));
        }
        let failback = Failback {
            within: self.duration_or(file.failback.within.as_ref(), default.failback.within)?,
            share_at_least: self.percent_or(file.failback.share_at_least.as_ref(), default.failback.share_at_least)?,
        };
        let timeline = check_faults::timeline(self, &file.timeline, &target.regions)?;
        let scope = check_assertions::Scope {
            steady_state: &steady_state,
            failback: &failback,
            traffic: &traffic,
            target: &target,
            writes_objects: file.data.objects.is_some(),
            rotates: !file.operations.is_empty(),
            releases: file.canary.is_some(),
        };
        let canary = file.canary.as_ref();
        let canary = canary.map(|written| check_canary::canary(self, written, &target, &traffic)).transpose()?;
        let assertions = check_assertions::assertions(self, &file.assertions, &scope)?;
        Ok(Plan {
            scenario: self.name(&file.scenario)?,
            description: file.description.clone(),
            source: Some(self.file.to_owned()),
            seed: file.seed.as_ref().map_or(default.seed, |seed| Seed(seed.value)),
            settings: self.settings(&file.settings)?,
            target,
            steady_state,
            traffic,
            timeline,
            operations: check_faults::operations(self, &file.operations)?,
            data: check_data::data(self, &file.data)?,
            canary,
            failback,
            assertions,
        })
    }

    fn target(&self, written: &TargetFile) -> Result<TargetPlan, ScenarioError> {
        let default = Plan::default().target;
        if let Some(name) = &written.name {
            self.choose("target", name, vocabulary::TARGETS)?;
        }
        let regions = match &written.regions {
            Some(regions) => self.regions(regions)?,
            None => default.regions,
        };
        let stack = match &written.stack {
            Some(stack) => self.beside_file(&stack.value),
            None => default.stack,
        };
        if self.look && !stack.is_dir() {
            let at = written.stack.as_ref().map_or(Location::UNKNOWN, |text| text.referenced);
            let what =
                format!("no directory {}: expected the stack's templates, relative to this file", stack.display());
            return Err(self.bad(at, what));
        }
        let name = written.name.as_ref().map_or(default.name, |name| name.value.clone());
        let parameters = written.parameters.clone();
        Ok(TargetPlan { name, regions, stack, parameters, settings: default.settings, reached: default.reached })
    }

    fn regions(&self, written: &Spanned<Vec<Text>>) -> Result<Vec<Region>, ScenarioError> {
        let mut regions = Vec::new();
        for text in &written.value {
            let region = self.parsed(text, |name| Region::parse(name).map_err(|error| error.to_string()))?;
            if regions.contains(&region) {
                return Err(self.bad(text.referenced, format!("Region {region} is named twice")));
            }
            regions.push(region);
        }
        if regions.len() < 2 {
            return Err(self.bad(written.referenced, "expected at least two Regions, like [us-east-1, eu-west-1]"));
        }
        Ok(regions)
    }

    fn population(&self, written: &PopulationFile, regions: &[Region]) -> Result<Population, ScenarioError> {
        let mut requests = IndexMap::new();
        for (text, weight) in &written.requests.value {
            let operation = Operation::parse(text).map_err(|what| self.bad(weight.referenced, what))?;
            requests.insert(operation, weight.value);
        }
        if requests.values().all(|weight| *weight == 0) {
            return Err(self.bad(written.requests.referenced, "expected at least one request with a weight above 0"));
        }
        let count = |given: Option<&Spanned<u32>>, default: u32| match given {
            Some(count) if count.value == 0 => Err(self.bad(count.referenced, "expected 1 or more")),
            Some(count) => Ok(count.value),
            None => Ok(default),
        };
        let clients = count(written.clients.as_ref(), 200)?;
        let timeout = self.duration_or(written.timeout.as_ref(), Duration::from_secs(5))?;
        if let Some(text) = written.timeout.as_ref().filter(|_| timeout.is_zero()) {
            return Err(self.bad(text.referenced, "expected a timeout above 0s"));
        }
        Ok(Population {
            name: self.name(&written.population)?,
            from: self.parsed(&written.from, |name| Place::parse(name).map_err(|error| error.to_string()))?,
            home: self.region_of_target(&written.home, regions)?,
            rate: self.parsed(&written.rate, Rate::parse)?,
            clients,
            behaviours: self.behaviours(written)?,
            resolvers: count(written.resolvers.as_ref(), 20.min(clients))?,
            timeout,
            requests,
        })
    }

    fn behaviours(&self, written: &PopulationFile) -> Result<IndexMap<Behaviour, u32>, ScenarioError> {
        let Some(given) = &written.behaviours else { return Ok(IndexMap::from([(Behaviour::HonoursTtl, 1)])) };
        let mut behaviours = IndexMap::new();
        for (text, share) in &given.value {
            let known = vocabulary::behaviours();
            let found = known.iter().find(|(name, _)| name == text).map(|(_, behaviour)| *behaviour);
            let behaviour = found.ok_or_else(|| {
                let hint = hint(text, known.iter().map(|(name, _)| *name));
                self.bad(share.referenced, format!("unknown behaviour {text:?}{hint}"))
            })?;
            behaviours.insert(behaviour, share.value);
        }
        if behaviours.values().all(|share| *share == 0) {
            return Err(self.bad(given.referenced, "expected at least one behaviour with a share above 0"));
        }
        Ok(behaviours)
    }

    fn settings(&self, written: &SettingsFile) -> Result<StackSettings, ScenarioError> {
        let default = StackSettings::default();
        Ok(StackSettings {
            metric_period: self.duration_or(written.metric_period.as_ref(), default.metric_period)?,
            metric_delay: self.duration_or(written.metric_delay.as_ref(), default.metric_delay)?,
            datapoints_to_alarm: written.datapoints_to_alarm.as_ref().map_or(default.datapoints_to_alarm, |m| m.value),
            evaluation_interval: self.duration_or(written.evaluation_interval.as_ref(), default.evaluation_interval)?,
            action: self.duration_or(written.action.as_ref(), default.action)?,
            change_insync: self.duration_or(written.change_insync.as_ref(), default.change_insync)?,
            record_ttl: self.duration_or(written.record_ttl.as_ref(), default.record_ttl)?,
            health_check: self.duration_or(written.health_check.as_ref(), default.health_check)?,
            stable: self.duration_or(written.stable.as_ref(), default.stable)?,
            probe_interval: self.duration_or(written.probe_interval.as_ref(), default.probe_interval)?,
        })
    }

    /// A Region that the target has.
    pub fn region_of_target(&self, text: &Text, regions: &[Region]) -> Result<Region, ScenarioError> {
        let region = self.parsed(text, |name| Region::parse(name).map_err(|error| error.to_string()))?;
        if regions.contains(&region) {
            return Ok(region);
        }
        let known: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
        Err(self.bad(text.referenced, format!("Region {region} is not one of the target's: {}", known.join(", "))))
    }

    /// One of a table's names.
    pub fn choose<T: Copy>(&self, kind: &str, text: &Text, table: &[(&str, T)]) -> Result<T, ScenarioError> {
        let found = table.iter().find(|(name, _)| *name == text.value).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let hint = hint(&text.value, table.iter().map(|(name, _)| *name));
            self.bad(text.referenced, format!("unknown {kind} {:?}{hint}", text.value))
        })
    }

    pub fn parsed<T>(&self, text: &Text, parse: impl Fn(&str) -> Result<T, String>) -> Result<T, ScenarioError> {
        parse(&text.value).map_err(|what| self.bad(text.referenced, what))
    }

    pub fn duration_or(&self, text: Option<&Text>, default: Duration) -> Result<Duration, ScenarioError> {
        text.map_or(Ok(default), |text| self.parsed(text, parse_duration))
    }

    pub fn percent_or(&self, text: Option<&Text>, default: Percent) -> Result<Percent, ScenarioError> {
        text.map_or(Ok(default), |text| self.parsed(text, Percent::parse))
    }

    /// A name that can be part of a file name and of a Gherkin step.
    pub fn name(&self, text: &Text) -> Result<String, ScenarioError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let starts_well = text.value.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && text.value.chars().all(fits) {
            return Ok(text.value.clone());
        }
        let what = format!("bad name {:?}: expected letters, digits, dashes, dots and underscores", text.value);
        Err(self.bad(text.referenced, what))
    }

    pub fn bad(&self, at: Location, what: impl Into<String>) -> ScenarioError {
        let (line, column) = (at.line().max(1), at.column().max(1));
        ScenarioError::Bad { file: self.file.to_owned(), line, column, what: what.into() }
    }

    /// The path as seen from where the scenario file is, without detours through `..`.
    fn beside_file(&self, path: &str) -> PathBuf {
        let mut plain = PathBuf::new();
        for part in self.file.parent().unwrap_or(Path::new("")).join(path).components() {
            let can_pop = matches!(plain.components().next_back(), Some(Component::Normal(_)));
            match part {
                Component::CurDir => {}
                Component::ParentDir if can_pop => {
                    plain.pop();
                }
                part => plain.push(part),
            }
        }
        if plain.as_os_str().is_empty() { PathBuf::from(".") } else { plain }
    }
}
