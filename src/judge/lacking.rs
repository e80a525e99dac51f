//! What the target cannot do: which assertions that leaves open.

use std::collections::BTreeMap;

use super::assertions::Finding;
use super::verdict::{Judgement, LeftOut, StackLeftOut};
use crate::capability::{Capability, Standing};
use crate::history::Event;
use crate::scenario::{Plan, Requirements};

/// What the history says of the target's capabilities. Where it says nothing at all, nobody surveyed the target, and
/// nothing is left out.
#[derive(Default)]
pub struct Lacking {
    found: BTreeMap<Capability, (Standing, String)>,
    /// What the target does not take.
    pub stacks: Vec<StackLeftOut>,
}

impl Lacking {
    pub fn observe(&mut self, event: &Event) {
        if let Event::Capability { capability, standing, evidence } = event {
            self.found.insert(*capability, (*standing, evidence.clone()));
        }
        if let Event::Stack { stack, region, why: Some(why), status, .. } = event
            && status == "LEFT-OUT"
        {
            self.stacks.push(StackLeftOut { stack: stack.clone(), region: *region, why: why.clone() });
        }
    }

    /// Makes inconclusive whatever stands on something that was not proven.
    pub fn weigh(&self, plan: &Plan, judged: &mut [Judgement]) {
        let requirements = Requirements::of(plan);
        let nameless = requirements.unnamed(plan);
        for (id, roles) in &nameless {
            let of = judged.iter_mut().filter(|judgement| judgement.id == *id);
            of.for_each(|judgement| leave_open(judgement, unnamed(roles)));
        }
        if self.found.is_empty() {
            return;
        }
        let named = |(_, (id, _)): &(&mut Judgement, (String, _))| !nameless.iter().any(|(open, _)| open == id);
        for (judgement, (_, needs)) in judged.iter_mut().zip(requirements.assertions).filter(named) {
            let mut missing = needs.into_iter().filter(|capability| !self.has(*capability));
            let Some(first) = missing.next() else { continue };
            let others: Vec<&str> = missing.map(Capability::as_str).collect();
            let mut why = self.why(first);
            if !others.is_empty() {
                why.push_str(&format!("; and needs {}", others.join(", ")));
            }
            leave_open(judgement, why);
        }
    }

    /// What makes the whole run prove nothing.
    pub fn doubts(&self, plan: &Plan) -> Vec<String> {
        if self.found.is_empty() {
            return Vec::new();
        }
        let run = Requirements::of(plan).run.into_iter().filter(|capability| !self.has(*capability));
        run.map(|capability| format!("the run {}", self.why(capability))).collect()
    }

    /// What the target lacks, with the assertions and faults that need it.
    pub fn left_out(&self, plan: &Plan) -> Vec<LeftOut> {
        let needs = Requirements::of(plan);
        let of = |parts: &[(String, std::collections::BTreeSet<Capability>)], capability: &Capability| -> Vec<String> {
            parts.iter().filter(|(_, needs)| needs.contains(capability)).map(|(id, _)| id.clone()).collect()
        };
        let lacking = self.found.iter().filter(|(_, (standing, _))| *standing != Standing::Proven);
        lacking
            .map(|(capability, (standing, evidence))| LeftOut {
                capability: *capability,
                standing: *standing,
                evidence: evidence.clone(),
                assertions: of(&needs.assertions, capability),
                faults: of(&needs.faults, capability),
            })
            .collect()
    }

    fn has(&self, capability: Capability) -> bool {
        self.found.get(&capability).is_some_and(|(standing, _)| *standing == Standing::Proven)
    }

    fn why(&self, capability: Capability) -> String {
        match self.found.get(&capability) {
            Some((standing, evidence)) => {
                format!("needs {capability}, which this target {}: {evidence}", standing.verb())
            }
            None => format!("needs {capability}, which nobody looked for on this target"),
        }
    }
}

fn leave_open(judgement: &mut Judgement, why: String) {
    let Finding { outcome, measured, evidence } = Finding::inconclusive(why);
    (judgement.verdict, judgement.measured, judgement.evidence) = (outcome, measured, evidence);
}

fn unnamed(roles: &[&str]) -> String {
    let (first, them) = (roles.join(", "), if roles.len() == 1 { "role" } else { "roles" });
    format!("needs the {them} {first}, which blackstart.yaml does not name (adopted.roles)")
}

#[cfg(test)]
mod tests {
    use super::super::day::{Day, plan};
    use super::super::{Outcome, Verdict, judge};
    use super::*;
    use crate::history::Record;

    fn told(day: &Day, found: &[(Capability, Standing)]) -> Vec<Record> {
        let mut records = day.records();
        let event = |(capability, standing): &(Capability, Standing)| Event::Capability {
            capability: *capability,
            standing: *standing,
            evidence: format!("seen of {capability}"),
        };
        let events = found.iter().map(|found| Record { at_us: 0, event: event(found) });
        let rest = records.split_off(1);
        records.extend(events);
        records.extend(rest);
        records
    }

    fn all_but(lacking: &[(Capability, Standing)]) -> Vec<(Capability, Standing)> {
        let standing = |capability: &Capability| lacking.iter().find(|(lacks, _)| lacks == capability);
        let of = |capability: &Capability| standing(capability).map_or(Standing::Proven, |(_, standing)| *standing);
        Capability::ALL.iter().map(|capability| (*capability, of(capability))).collect()
    }

    fn of<'a>(verdict: &'a Verdict, id: &str) -> &'a Judgement {
        verdict.assertions.iter().find(|judgement| judgement.id == id).unwrap()
    }

    #[test]
    fn a_target_that_can_do_everything_changes_nothing() {
        let (day, plan) = (Day::default(), plan());
        let plain = judge(&plan, &day.records());
        let surveyed = judge(&plan, &told(&day, &all_but(&[])));
        assert_eq!(surveyed, plain);
        assert_eq!(plain.left_out, []);
    }

    #[test]
    fn what_needs_a_role_that_nobody_named_is_open_and_the_rest_is_judged() {
        let mut plan = plan();
        let name = |name: &str| crate::scenario::Resource::Name(name.to_owned());
        let roles = ["public-name", "hosted-zone", "table", "bucket", "secret", "guard-log", "function"];
        let roles = roles.iter().map(|role| ((*role).to_owned(), name(role))).collect();
        plan.target.settings.adopted = Some(crate::scenario::Adopted { roles });
        let verdict = judge(&plan, &Day::default().records());
        let failover = of(&verdict, "failover-within");
        assert_eq!(failover.verdict, Outcome::Inconclusive);
        let why = "needs the role alarm, which blackstart.yaml does not name (adopted.roles)";
        assert_eq!(failover.evidence, why);
        assert_eq!(of(&verdict, "steady-state-before").verdict, Outcome::Pass);
    }

    #[test]
    fn a_stack_that_the_target_does_not_take_is_told_with_its_reason() {
        let mut records = Day::default().records();
        let stack = |status: &str, why: Option<&str>| Record {
            at_us: 1,
            event: Event::Stack {
                stack: "blackstart-gameday-data".to_owned(),
                region: crate::region::Region::EU_WEST_1,
                status: status.to_owned(),
                took_ms: 1,
                why: why.map(str::to_owned),
            },
        };
        records.insert(1, stack("LEFT-OUT", Some("no such type")));
        records.insert(2, stack("DEPLOYED", None));
        let verdict = judge(&plan(), &records);
        let [left] = &verdict.stacks_left_out[..] else { panic!("{:?}", verdict.stacks_left_out) };
        assert_eq!((left.stack.as_str(), left.why.as_str()), ("blackstart-gameday-data", "no such type"));
    }

    #[test]
    fn what_stands_on_something_absent_is_inconclusive_and_the_rest_is_judged() {
        let plan = plan();
        for standing in [Standing::Absent, Standing::Lie, Standing::Unknown] {
            let found = all_but(&[(Capability::AlarmActions, standing)]);
            let verdict = judge(&plan, &told(&Day::default(), &found));
            let failover = of(&verdict, "failover-within");
            assert_eq!((failover.verdict, failover.measured), (Outcome::Inconclusive, None));
            let why = format!("needs alarm-actions, which this target {}: seen of alarm-actions", standing.verb());
            assert_eq!(failover.evidence, why);
            assert_eq!(of(&verdict, "steady-state-before").verdict, Outcome::Pass);
            assert_eq!(of(&verdict, "fault-observed").verdict, Outcome::Pass);
            assert_eq!(verdict.verdict, Outcome::Inconclusive);
            assert_eq!(verdict.doubts, [""; 0], "the run itself is sound");
            let [left] = &verdict.left_out[..] else { panic!("{:?}", verdict.left_out) };
            assert_eq!((left.capability, left.standing), (Capability::AlarmActions, standing));
            assert!(left.assertions.contains(&"failover-within".to_owned()), "{left:?}");
            assert!(!left.assertions.contains(&"fault-observed".to_owned()), "{left:?}");
        }
    }

    #[test]
    fn a_failure_on_what_the_target_lacks_is_no_failure() {
        // Nobody ever moves, because no alarm reaches the function.
        let day = Day { moved: super::super::day::END, telemetry: false, ..Day::default() };
        let plan = plan();
        assert_eq!(of(&judge(&plan, &day.records()), "failover-within").verdict, Outcome::Fail);
        let verdict = judge(&plan, &told(&day, &all_but(&[(Capability::AlarmActions, Standing::Lie)])));
        assert_eq!(of(&verdict, "failover-within").verdict, Outcome::Inconclusive);
    }

    #[test]
    fn without_its_fault_no_claim_about_it_is_proven() {
        let found = all_but(&[(Capability::FaultApplication, Standing::Absent)]);
        let verdict = judge(&plan(), &told(&Day::default(), &found));
        assert_eq!(of(&verdict, "fault-observed").verdict, Outcome::Inconclusive);
        assert_eq!(of(&verdict, "steady-state-before").verdict, Outcome::Pass);
        assert_eq!(verdict.left_out[0].faults, ["region-outage-1"]);
    }

    #[test]
    fn what_the_run_as_a_whole_lacks_is_a_doubt() {
        let found = all_but(&[(Capability::Templates, Standing::Lie)]);
        let verdict = judge(&plan(), &told(&Day::default(), &found));
        let doubt = "the run needs templates, which this target only pretends to have: seen of templates";
        assert_eq!(verdict.doubts, [doubt]);
        assert!(verdict.assertions.iter().all(|judgement| judgement.verdict == Outcome::Inconclusive));
    }

    #[test]
    fn what_nobody_looked_for_is_not_taken_for_granted() {
        let found: Vec<_> = all_but(&[]).into_iter().filter(|(found, _)| *found != Capability::Records).collect();
        let verdict = judge(&plan(), &told(&Day::default(), &found));
        let home = of(&verdict, "home-served");
        assert_eq!(home.verdict, Outcome::Inconclusive);
        assert_eq!(home.evidence, "needs records, which nobody looked for on this target");
    }
}
