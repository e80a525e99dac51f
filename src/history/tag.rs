//! What every write of the harness carries in what it writes: `bsw-5f3a9c01-17` is write 17 of the run 5f3a9c01.

use std::fmt;

const PREFIX: &str = "bsw-";
/// Eight hexadecimal digits.
const RUN: usize = 8;

/// The run and the number of a write. Runs of the same seed that began at the same time have the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    pub run: u32,
    pub write: u64,
}

impl Tag {
    /// The number of the first write of this run that a text carries.
    pub fn find(run: u32, text: &str) -> Option<u64> {
        text.match_indices(PREFIX).find_map(|(at, _)| {
            let rest = text.get(at + PREFIX.len()..)?;
            let (name, rest) = (rest.get(..RUN)?, rest.get(RUN..)?.strip_prefix('-')?);
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            (u32::from_str_radix(name, 16) == Ok(run)).then(|| rest[..digits].parse().ok())?
        })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:08x}-{}", self.run, self.write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_whatever_holds_it() {
        let tag = Tag { run: 0x5f3a, write: 17 };
        assert_eq!(tag.to_string(), "bsw-00005f3a-17");
        let text = format!(r#"{{"item":3,"other":"bsw-00000001-4","write":"{tag}"}}"#);
        assert_eq!(Tag::find(0x5f3a, &text), Some(17));
        assert_eq!(Tag::find(1, &text), Some(4));
        assert_eq!(Tag::find(2, &text), None);
        assert_eq!(Tag::find(2, "bsw-"), None);
    }
}
