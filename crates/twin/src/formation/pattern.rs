//! `AllowedPattern`: the part of Java's regular expressions that templates use, matched by backtracking.
//!
//! Literals, `.`, classes, `\d \w \s` and their opposites, groups, `|`, `* + ? {m,n}` and anchors. What is not
//! known here is an error when the pattern is read, never a match that means something else.

/// A pattern that must match a whole value.
pub struct Pattern(Vec<Vec<Piece>>);

struct Piece {
    atom: Atom,
    min: usize,
    max: usize,
}

enum Atom {
    Any,
    Literal(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
    Group(Vec<Vec<Piece>>),
    Start,
    End,
}

const DIGIT: &[(char, char)] = &[('0', '9')];
const WORD: &[(char, char)] = &[('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')];
const SPACE: &[(char, char)] = &[(' ', ' '), ('\t', '\r')];

/// Steps after which a pattern counts as runaway: far above what any sane pattern needs on a parameter's value.
const STEPS: usize = 200_000;
/// How often a group may repeat: each repeat nests the matcher deeper.
const GROUP_REPEATS: usize = 500;

impl Pattern {
    pub fn parse(source: &str) -> Result<Self, String> {
        let chars: Vec<char> = source.chars().collect();
        let mut parser = PatternParser { chars: &chars, at: 0 };
        let alternatives = parser.alternatives()?;
        if parser.at < chars.len() {
            return Err(format!("unexpected {:?} at {}", chars[parser.at], parser.at + 1));
        }
        Ok(Self(alternatives))
    }

    /// Whether the whole of `value` matches.
    pub fn matches(&self, value: &str) -> bool {
        let text: Vec<char> = value.chars().collect();
        let mut steps = STEPS;
        any(&self.0, &text, 0, &mut steps, &mut |at, _| at == text.len())
    }
}

type Then<'t> = &'t mut dyn FnMut(usize, &mut usize) -> bool;

fn any(alternatives: &[Vec<Piece>], text: &[char], at: usize, steps: &mut usize, then: Then<'_>) -> bool {
    alternatives.iter().any(|pieces| sequence(pieces, text, at, steps, then))
}

fn sequence(pieces: &[Piece], text: &[char], at: usize, steps: &mut usize, then: Then<'_>) -> bool {
    match pieces.split_first() {
        None => then(at, steps),
        Some((piece, rest)) => repeat(piece, 0, rest, text, at, steps, then),
    }
}

fn repeat(
    piece: &Piece,
    done: usize,
    rest: &[Piece],
    text: &[char],
    at: usize,
    steps: &mut usize,
    then: Then<'_>,
) -> bool {
    let Some(left) = steps.checked_sub(1) else { return false };
    *steps = left;
    if let Atom::Any | Atom::Literal(_) | Atom::Class { .. } = &piece.atom {
        // One character at a time needs no recursion: count the longest run, then give back.
        let run = text[at..].iter().take(piece.max).take_while(|c| holds(&piece.atom, **c)).count();
        return (piece.min..=run).rev().any(|count| sequence(rest, text, at + count, steps, then));
    }
    if done < piece.max.min(GROUP_REPEATS) {
        let more = once(&piece.atom, text, at, steps, &mut |next, steps| {
            // An empty match repeats for ever; one is enough.
            (next > at || done < piece.min) && repeat(piece, done + 1, rest, text, next, steps, then)
        });
        if more {
            return true;
        }
    }
    done >= piece.min && sequence(rest, text, at, steps, then)
}

fn once(atom: &Atom, text: &[char], at: usize, steps: &mut usize, then: Then<'_>) -> bool {
    match atom {
        Atom::Start => at == 0 && then(at, steps),
        Atom::End => at == text.len() && then(at, steps),
        Atom::Group(alternatives) => any(alternatives, text, at, steps, then),
        Atom::Any | Atom::Literal(_) | Atom::Class { .. } => {
            text.get(at).is_some_and(|c| holds(atom, *c)) && then(at + 1, steps)
        }
    }
}

fn holds(atom: &Atom, c: char) -> bool {
    match atom {
        Atom::Any => c != '\n',
        Atom::Literal(literal) => *literal == c,
        Atom::Class { negated, ranges } => ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated,
        Atom::Group(_) | Atom::Start | Atom::End => false,
    }
}

struct PatternParser<'a> {
    chars: &'a [char],
    at: usize,
}

impl PatternParser<'_> {
    fn alternatives(&mut self) -> Result<Vec<Vec<Piece>>, String> {
        let mut alternatives = vec![Vec::new()];
        while let Some(c) = self.peek() {
            match c {
                ')' => break,
                '|' => {
                    self.at += 1;
                    alternatives.push(Vec::new());
                }
                _ => {
                    let piece = self.piece()?;
                    if let Some(last) = alternatives.last_mut() {
                        last.push(piece);
                    }
                }
            }
        }
        Ok(alternatives)
    }

    fn piece(&mut self) -> Result<Piece, String> {
        let atom = self.atom()?;
        let (min, max) = match self.peek() {
            Some('*') => (0, usize::MAX),
            Some('+') => (1, usize::MAX),
            Some('?') => (0, 1),
            Some('{') => return self.counted(atom),
            _ => return Ok(Piece { atom, min: 1, max: 1 }),
        };
        self.at += 1;
        self.skip_laziness()?;
        Ok(Piece { atom, min, max })
    }

    fn counted(&mut self, atom: Atom) -> Result<Piece, String> {
        let rest: String = self.chars[self.at + 1..].iter().take_while(|c| **c != '}').collect();
        self.at += rest.chars().count() + 2;
        let count = |text: &str| text.parse::<usize>().map_err(|_| format!("bad repetition {{{rest}}}"));
        let (min, max) = match rest.split_once(',') {
            None => (count(&rest)?, count(&rest)?),
            Some((min, "")) => (count(min)?, usize::MAX),
            Some((min, max)) => (count(min)?, count(max)?),
        };
        self.skip_laziness()?;
        Ok(Piece { atom, min, max })
    }

    /// Laziness changes what a match is, not whether there is one; possessiveness can change that.
    fn skip_laziness(&mut self) -> Result<(), String> {
        match self.peek() {
            Some('?') => self.at += 1,
            Some('+') => return Err("possessive quantifiers are not supported".to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn atom(&mut self) -> Result<Atom, String> {
        let c = self.next()?;
        match c {
            '.' => Ok(Atom::Any),
            '^' => Ok(Atom::Start),
            '$' => Ok(Atom::End),
            '[' => self.class(),
            '(' => {
                if self.peek() == Some('?') {
                    self.at += 1;
                    if self.next()? != ':' {
                        return Err("only (?: groups are supported".to_owned());
                    }
                }
                let alternatives = self.alternatives()?;
                match self.next() {
                    Ok(')') => Ok(Atom::Group(alternatives)),
                    _ => Err("a group is not closed".to_owned()),
                }
            }
            '\\' => self.escape(),
            '*' | '+' | '?' => Err(format!("nothing to repeat before {c:?}")),
            c => Ok(Atom::Literal(c)),
        }
    }

    fn escape(&mut self) -> Result<Atom, String> {
        let class = |negated, ranges: &[(char, char)]| Atom::Class { negated, ranges: ranges.to_vec() };
        Ok(match self.next()? {
            'd' => class(false, DIGIT),
            'D' => class(true, DIGIT),
            'w' => class(false, WORD),
            'W' => class(true, WORD),
            's' => class(false, SPACE),
            'S' => class(true, SPACE),
            'n' => Atom::Literal('\n'),
            't' => Atom::Literal('\t'),
            c if c.is_ascii_alphanumeric() => return Err(format!("the escape \\{c} is not supported")),
            c => Atom::Literal(c),
        })
    }

    fn class(&mut self) -> Result<Atom, String> {
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        let mut ranges = Vec::new();
        let mut first = true;
        loop {
            let from = match self.next().map_err(|_| "a class is not closed".to_owned())? {
                ']' if !first => return Ok(Atom::Class { negated, ranges }),
                '\\' => match self.escape()? {
                    Atom::Literal(c) => c,
                    Atom::Class { negated: false, ranges: inner } => {
                        ranges.extend(inner);
                        first = false;
                        continue;
                    }
                    _ => return Err("a negated class inside a class is not supported".to_owned()),
                },
                '[' | '&' if self.peek() == Some('&') || self.peek() == Some(':') => {
                    return Err("class operations are not supported".to_owned());
                }
                c => c,
            };
            first = false;
            let ranged = self.peek() == Some('-') && self.chars.get(self.at + 1).is_some_and(|c| *c != ']');
            if !ranged {
                ranges.push((from, from));
                continue;
            }
            self.at += 1;
            let to = match self.next()? {
                '\\' => self.next()?,
                c => c,
            };
            ranges.push((from, to));
        }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Result<char, String> {
        let c = self.peek().ok_or_else(|| "it ends early".to_owned())?;
        self.at += 1;
        Ok(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_real_templates() {
        let matches = |pattern: &str, value: &str| Pattern::parse(pattern).unwrap().matches(value);
        assert!(matches("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", "orders-bucket.eu"));
        assert!(!matches("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", "Orders"));
        assert!(matches(r"(?:[a-z]{2}-[a-z]+-\d|global)", "eu-west-1"));
        assert!(!matches(r"(?:[a-z]{2}-[a-z]+-\d|global)", "eu-west-12"));
        assert!(matches("^$|^Z[A-Z0-9]+$", ""));
        assert!(matches("^$|^Z[A-Z0-9]+$", "Z123"));
        assert!(!matches("^$|^Z[A-Z0-9]+$", "z"));
        assert!(matches("(a*)*b", "aaab"));
        assert!(!matches("[^ ]+", "a b"));
        assert!(matches("a{2,3}ab?", "aaaab") && !matches("a{2,3}", "aaaa") && !matches("a{2,3}", "a"));
        assert!(matches("[a-z]*z", &"z".repeat(4_096)));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(Pattern::parse("(?=x)").is_err());
        assert!(Pattern::parse("[a-z").is_err());
        assert!(Pattern::parse(r"\p{L}").is_err());
    }
}
