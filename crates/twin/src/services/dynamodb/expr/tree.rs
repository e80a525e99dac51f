//! What expressions parse to. Names and values stay placeholders, so a tree serves every request of its text.

/// A tree and the placeholders it uses.
#[derive(Debug)]
pub struct Parsed<T> {
    pub tree: T,
    /// `#name` placeholders.
    pub names: Vec<String>,
    /// `:value` placeholders.
    pub values: Vec<String>,
}

/// An attribute's name: as written, or a `#placeholder`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    Plain(String),
    Alias(String),
}

/// One step down a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Field(Name),
    Index(usize),
}

/// A document path: `a.b[2].#c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    pub root: Name,
    pub steps: Vec<Step>,
}

/// Something with a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Path(Path),
    Value(String),
    Size(Path),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparator {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
    Compare(Operand, Comparator, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    /// The second is always a value placeholder that names a type.
    HasType(Path, String),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

/// What SET assigns.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    Path(Path),
    Value(String),
    IfNotExists(Path, Box<Term>),
    ListAppend(Box<Term>, Box<Term>),
    Plus(Box<Term>, Box<Term>),
    Minus(Box<Term>, Box<Term>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    pub set: Vec<(Path, Term)>,
    pub remove: Vec<Path>,
    /// Each with its value placeholder.
    pub add: Vec<(Path, String)>,
    pub delete: Vec<(Path, String)>,
}

impl Condition {
    /// The first name of every path in it.
    pub fn roots<'a>(&'a self, into: &mut Vec<&'a Name>) {
        let operand = |operand: &'a Operand, into: &mut Vec<&'a Name>| match operand {
            Operand::Path(path) | Operand::Size(path) => into.push(&path.root),
            Operand::Value(_) => {}
        };
        match self {
            Self::And(a, b) | Self::Or(a, b) => {
                a.roots(into);
                b.roots(into);
            }
            Self::Not(inner) => inner.roots(into),
            Self::Compare(a, _, b) | Self::BeginsWith(a, b) | Self::Contains(a, b) => {
                operand(a, into);
                operand(b, into);
            }
            Self::Between(a, b, c) => [a, b, c].into_iter().for_each(|one| operand(one, into)),
            Self::In(a, all) => std::iter::once(a).chain(all).for_each(|one| operand(one, into)),
            Self::Exists(path) | Self::NotExists(path) | Self::HasType(path, _) => into.push(&path.root),
        }
    }
}
