//! Colours, for terminals that want them.

use crate::capability::Standing;
use crate::judge::Outcome;

/// How to write for where the text goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint {
    pub colour: bool,
}

impl Paint {
    pub fn outcome(self, outcome: Outcome, text: &str) -> String {
        self.code(
            match outcome {
                Outcome::Pass => "32;1",
                Outcome::Fail => "31;1",
                Outcome::Inconclusive => "33;1",
            },
            text,
        )
    }

    pub fn standing(self, standing: Standing, text: &str) -> String {
        self.code(
            match standing {
                Standing::Proven => "32;1",
                Standing::Lie => "31;1",
                Standing::Absent | Standing::Unknown => "33;1",
            },
            text,
        )
    }

    pub fn bold(self, text: &str) -> String {
        self.code("1", text)
    }

    pub fn dim(self, text: &str) -> String {
        self.code("2", text)
    }

    pub fn bad(self, text: &str) -> String {
        self.code("31", text)
    }

    fn code(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
