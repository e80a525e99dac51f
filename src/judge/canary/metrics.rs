//! From what was seen of a step to a finding for each metric.

use std::collections::BTreeMap;

use super::fisher::{Share, worse};
use super::levels::Levels;
use super::sample::{Equal, Item};
use super::seen::{ArmSeen, Finding, Measure, MetricSeen};
use super::window::{Stratum, Window};
use super::{ranks, sizes};
use crate::region::Region;
use crate::scenario::{CanaryPlan, Operation, Plan};

/// What the metrics of a step are worked out from.
pub struct Inquest<'a> {
    pub subject: &'a Subject,
    pub levels: &'a Levels,
    pub window: &'a Window,
    /// The window that holds the control.
    pub control: &'a Window,
    /// The look, and until when requests count; none while the step bakes.
    pub look: Option<(u32, u64)>,
    /// By Region: requests before the canary, bad those that no version answered.
    pub before: &'a [Share],
    /// Of a Region's requests what the canary should get; from 0 to 1.
    pub share: f64,
}

/// What a plan says of its canary.
#[derive(Clone, Debug)]
pub struct Subject {
    pub canary: CanaryPlan,
    /// All operations of the traffic.
    pub operations: Vec<Operation>,
    /// Whether users write.
    pub writes: bool,
}

impl Subject {
    pub fn new(plan: &Plan, canary: &CanaryPlan) -> Self {
        let mut operations: Vec<Operation> = Vec::new();
        for operation in plan.traffic.iter().flat_map(|people| people.requests.keys()) {
            if !operations.contains(operation) {
                operations.push(operation.clone());
            }
        }
        let writes = operations.iter().any(writes);
        Self { canary: canary.clone(), operations, writes }
    }

    pub fn must_have(&self, operation: Option<&Operation>) -> bool {
        operation.is_none_or(|operation| self.canary.analysis.must_have.contains(operation))
    }
}

pub fn writes(operation: &Operation) -> bool {
    !matches!(operation.method.as_str(), "GET" | "HEAD" | "OPTIONS")
}

/// How many tests a look at the end of a step has: errors and latency, over all and by operation, requests without a version
/// and the data, in each Region and, of more than one, in all of them together.
pub fn tests(plan: &Plan, canary: &CanaryPlan) -> u32 {
    let subject = Subject::new(plan, canary);
    let each = 3 + 2 * subject.operations.len() + usize::from(subject.writes);
    let groups = canary.regions.len() + usize::from(canary.regions.len() > 1);
    u32::try_from(each * groups.max(1)).unwrap_or(u32::MAX)
}

/// A metric with its test, before the tests of the look are weighed together.
struct Tested {
    seen: MetricSeen,
    /// The difference is one that matters.
    matters: bool,
}

impl Inquest<'_> {
    pub fn metrics(&self) -> Vec<MetricSeen> {
        let regions = &self.subject.canary.regions;
        let cut: Vec<Cut> = (0..regions.len()).map(|index| self.cut(index)).collect();
        let mut groups: Vec<(Option<Region>, Vec<usize>)> =
            regions.iter().enumerate().map(|(index, region)| (Some(*region), vec![index])).collect();
        if regions.len() > 1 {
            groups.push((None, (0..regions.len()).collect()));
        }
        let tested: Vec<Tested> =
            groups.iter().flat_map(|(region, members)| self.of_group(*region, members, &cut)).collect();
        self.weigh(tested)
    }

    fn weigh(&self, tested: Vec<Tested>) -> Vec<MetricSeen> {
        let ps: Vec<f64> = tested.iter().map(|test| test.seen.p.unwrap_or(1.0)).collect();
        let significant = match self.look {
            Some((number, _)) => self.levels.holm(number, &ps),
            None => vec![false; ps.len()],
        };
        let weigh = |(test, significant): (Tested, bool)| {
            let Tested { mut seen, matters } = test;
            let samples = seen.canary.samples.min(seen.control.samples);
            seen.finding = match () {
                () if significant && matters => Finding::Worse,
                () if samples < seen.wanted => Finding::Inconclusive,
                () => Finding::NoWorse,
            };
            if seen.finding == Finding::Inconclusive {
                seen.what = format!("{}; has {samples} of each version, needs {}", seen.what, seen.wanted);
            }
            seen.p = seen.p.map(three_digits);
            seen
        };
        tested.into_iter().zip(significant).map(weigh).collect()
    }

    /// What of a Region counts: as many of the control as of the canary in each stratum.
    fn cut(&self, region: usize) -> Cut {
        let until = self.look.map_or(u64::MAX, |(_, until)| until);
        let of_control = if self.window.is_concurrent() { until } else { u64::MAX };
        let (now, control) = (&self.window.regions[region], &self.control.regions[region]);
        let strata = now.strata.iter().filter_map(|(stratum, pair)| {
            let beside = control.strata.get(stratum)?;
            Some((*stratum, Equal::of(pair.canary.before(until), beside.control.before(of_control))))
        });
        let writes = Equal::of(now.writes.canary.before(until), control.writes.control.before(of_control));
        Cut { strata: strata.collect(), writes, all: share_of(&now.all.before(until)) }
    }

    fn of_group(&self, region: Option<Region>, members: &[usize], cut: &[Cut]) -> Vec<Tested> {
        let equal = |operation: Option<usize>| {
            let mut sum = Equal::default();
            for member in members {
                let strata = cut[*member].strata.iter();
                let own = strata.filter(|((_, of), _)| operation.is_none_or(|operation| *of == operation));
                own.for_each(|(_, equal)| sum.absorb(equal));
            }
            sum
        };
        let mut tested = Vec::new();
        let operations = self.subject.operations.iter().enumerate().map(|(index, of)| (Some(index), Some(of)));
        for (index, operation) in std::iter::once((None, None)).chain(operations) {
            let equal = equal(index);
            tested.push(self.errors(region, operation, &equal));
            tested.push(self.latency(region, operation, &equal));
        }
        let lost = members.iter().fold(Share::default(), |sum, member| sum.plus(cut[*member].all));
        let before = members.iter().fold(Share::default(), |sum, member| sum.plus(self.before[*member]));
        tested.push(self.unattributed(region, lost, before));
        if self.subject.writes {
            let mut writes = Equal::default();
            members.iter().for_each(|member| writes.absorb(&cut[*member].writes));
            tested.push(self.data_sync(region, &writes));
        }
        tested
    }

    fn blank(
        &self,
        metric: Measure,
        region: Option<Region>,
        operation: Option<&Operation>,
        required: bool,
    ) -> MetricSeen {
        MetricSeen {
            metric,
            operation: operation.map(ToString::to_string),
            region,
            required,
            finding: Finding::Inconclusive,
            canary: ArmSeen::default(),
            control: ArmSeen::default(),
            effect: None,
            interval: None,
            p: None,
            wanted: 0,
            concurrent: self.window.is_concurrent(),
            what: String::new(),
        }
    }

    /// The level samples are counted for.
    fn alpha(&self) -> f64 {
        self.levels.strictest(self.look.map_or(0, |(number, _)| number))
    }

    fn errors(&self, region: Option<Region>, operation: Option<&Operation>, equal: &Equal) -> Tested {
        let analysis = &self.subject.canary.analysis;
        let (canary, control) = (share_of(&equal.canary), share_of(&equal.control));
        let by = analysis.errors_worse_by.ratio();
        let seen = self.blank(Measure::Errors, region, operation, self.subject.must_have(operation));
        let wanted = sizes::share(control.ratio().unwrap_or(0.0), by, self.alpha(), analysis.power.ratio());
        self.shares(MetricSeen { wanted, ..seen }, canary, control, by)
    }

    fn unattributed(&self, region: Option<Region>, now: Share, before: Share) -> Tested {
        let by = self.subject.canary.analysis.errors_worse_by.ratio() * self.share;
        let seen = self.blank(Measure::Unattributed, region, None, false);
        let seen = MetricSeen { wanted: 1, concurrent: false, ..seen };
        self.shares(seen, now, before, by)
    }

    fn data_sync(&self, region: Option<Region>, writes: &Equal) -> Tested {
        let by = self.subject.canary.analysis.errors_worse_by.ratio();
        let seen = self.blank(Measure::DataSync, region, None, true);
        let (canary, control) = (share_of(&writes.canary), share_of(&writes.control));
        let mut tested =
            self.shares(MetricSeen { wanted: sizes::all_or_none(self.alpha()), ..seen }, canary, control, by);
        // Where nothing of either arrived, nobody looked, or replication stands still: neither says anything of the canary.
        if control.of > 0 && control.bad == control.of {
            tested.seen.wanted = control.of + 1;
            tested.seen.what = "no write of the control arrived either".to_owned();
        }
        tested
    }

    fn shares(&self, seen: MetricSeen, canary: Share, control: Share, by: f64) -> Tested {
        let more = canary.ratio().zip(control.ratio()).map(|(canary, control)| canary - control);
        let arm =
            |share: Share| ArmSeen { samples: share.of, value: share.ratio().map(|ratio| thousandth(ratio * 100.0)) };
        let seen = MetricSeen {
            canary: arm(canary),
            control: arm(control),
            effect: more.map(|more| thousandth(more * 100.0)),
            p: more.map(|_| worse(canary, control)),
            what: format!("{} of {} against {} of {}", canary.bad, canary.of, control.bad, control.of),
            ..seen
        };
        Tested { seen, matters: more.is_some_and(|more| more >= by - 1e-9) }
    }

    fn latency(&self, region: Option<Region>, operation: Option<&Operation>, equal: &Equal) -> Tested {
        let analysis = &self.subject.canary.analysis;
        let good = |items: &[Item]| -> Vec<u32> {
            items.iter().filter(|item| !item.bad).map(|item| item.latency_us).collect()
        };
        let (mut canary, mut control) = (good(&equal.canary), good(&equal.control));
        let ranked = ranks::slower(&canary, &control);
        let most = analysis.slower_in_at_most.ratio();
        let percent = |ratio: f64| thousandth(ratio * 100.0);
        let (canary, control) = (median(&mut canary), median(&mut control));
        let what = ranked.map_or("no good answers".to_owned(), |seen| {
            format!("the canary's is the slower one in {:.1} of 100 pairs", seen.effect * 100.0)
        });
        let seen = MetricSeen {
            canary,
            control,
            effect: ranked.map(|seen| percent(seen.effect)),
            interval: ranked.map(|seen| (percent(seen.low), percent(seen.high))),
            p: ranked.map(|seen| seen.p),
            wanted: sizes::ranks(most, self.alpha(), analysis.power.ratio()),
            what,
            ..self.blank(Measure::Latency, region, operation, self.subject.must_have(operation))
        };
        Tested { seen, matters: ranked.is_some_and(|seen| seen.effect > most) }
    }
}

/// Of one Region.
struct Cut {
    strata: BTreeMap<Stratum, Equal>,
    writes: Equal,
    all: Share,
}

fn share_of(items: &[Item]) -> Share {
    let mut share = Share::default();
    items.iter().for_each(|item| share.count(item.bad));
    share
}

fn median(values: &mut [u32]) -> ArmSeen {
    let samples = values.len() as u64;
    let middle = values.len() / 2;
    let value = (samples > 0).then(|| thousandth(f64::from(*values.select_nth_unstable(middle).1) / 1_000.0));
    ArmSeen { samples, value }
}

/// What is written must not depend on the last bit of a division.
fn thousandth(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// A chance, to three digits.
fn three_digits(p: f64) -> f64 {
    format!("{p:.2e}").parse().unwrap_or(p)
}
