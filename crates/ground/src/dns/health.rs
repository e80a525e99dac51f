//! When Route 53 takes a health check for healthy: checkers that change their minds slowly, a quorum of them, and
//! checks that count other checks.
//!
//! Source: developer guide, "How Amazon Route 53 determines whether a health check is healthy".

/// An endpoint is healthy while more than this share of the checkers say so.
const QUORUM_PERCENT: usize = 18;
/// A calculated check may watch calculated checks; a loop of them ends here.
const DEPTH_MAX: usize = 8;

/// One checker's mind about an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    pub is_healthy: bool,
    /// Results in a row that contradict it.
    against: u32,
}

impl Vote {
    pub const fn new(is_healthy: bool) -> Self {
        Self { is_healthy, against: 0 }
    }

    /// Takes a result; true where it changed the checker's mind, which takes `threshold` of them in a row.
    pub const fn take(&mut self, success: bool, threshold: u32) -> bool {
        if success == self.is_healthy {
            self.against = 0;
            return false;
        }
        self.against += 1;
        if self.against < threshold {
            return false;
        }
        *self = Self::new(success);
        true
    }
}

/// Whether this many healthy votes among this many checkers make a healthy endpoint.
pub const fn is_quorum(healthy: usize, checkers: usize) -> bool {
    healthy * 100 > checkers * QUORUM_PERCENT
}

/// One health check, as far as others can see it.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub standing: Standing<'a>,
    pub inverted: bool,
    /// A disabled check counts as passing, before it is inverted.
    pub disabled: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Standing<'a> {
    /// What its checkers say.
    Passing(bool),
    /// It passes while at least this many of its children are healthy.
    Calculated { children: &'a [String], healthy_min: usize },
}

/// Whether DNS takes a check for healthy. A check that is gone counts as healthy; Route 53 documents its effect as not
/// predictable.
pub fn is_healthy<'a>(id: &str, look: &impl Fn(&str) -> Option<View<'a>>) -> bool {
    at_depth(id, look, 0)
}

fn at_depth<'a>(id: &str, look: &impl Fn(&str) -> Option<View<'a>>, depth: usize) -> bool {
    let Some(view) = look(id) else { return true };
    let passing = match view.standing {
        _ if view.disabled || depth > DEPTH_MAX => true,
        Standing::Passing(passing) => passing,
        Standing::Calculated { children, healthy_min } => {
            children.iter().filter(|child| at_depth(child, look, depth + 1)).count() >= healthy_min
        }
    };
    passing != view.inverted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checker_changes_its_mind_after_consecutive_results_only() {
        let mut vote = Vote::new(true);
        let mut take = |success| {
            vote.take(success, 3);
            vote.is_healthy
        };
        assert!(take(false) && take(false) && take(true), "two failures and a success are no three in a row");
        assert!(take(false) && take(false) && !take(false));
        assert!(!take(true) && !take(true) && take(true));
    }

    #[test]
    fn eighteen_percent_exactly_is_not_enough() {
        assert!(!is_quorum(18, 100) && is_quorum(19, 100));
        assert!(!is_quorum(1, 11) && is_quorum(2, 11), "two of eleven checkers are 18.2 percent");
        assert!(!is_quorum(0, 3) && is_quorum(1, 3));
    }

    #[test]
    fn a_disabled_check_passes_before_it_is_inverted_and_a_loop_of_checks_ends() {
        let ring = ["b".to_owned()];
        let look = |id: &str| {
            let view = |standing, inverted, disabled| Some(View { standing, inverted, disabled });
            match id {
                "failing" => view(Standing::Passing(false), false, false),
                "inverted" => view(Standing::Passing(false), true, false),
                "disabled" => view(Standing::Passing(false), false, true),
                "both" => view(Standing::Passing(true), true, true),
                "b" => view(Standing::Calculated { children: &ring, healthy_min: 1 }, false, false),
                _ => None,
            }
        };
        let healthy = ["failing", "inverted", "disabled", "both", "b", "gone"].map(|id| is_healthy(id, &look));
        assert_eq!(healthy, [false, true, true, false, true, true]);
    }
}
