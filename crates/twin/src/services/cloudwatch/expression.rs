//! Metric math, the part of it that the twin models: arithmetic, comparisons, `IF`, `FILL` with a constant,
//! and `SUM`/`AVG`/`MIN`/`MAX` over lists of single series.
//!
//! Parsed once, evaluated for each period. A missing operand makes a missing result, as does a division by zero.

use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    Number(f64),
    Id(String),
    Negate(Box<Expression>),
    Binary(Box<Expression>, Operator, Box<Expression>),
    If(Box<Expression>, Box<Expression>, Box<Expression>),
    Fill(Box<Expression>, Box<Expression>),
    Fold(Fold, Vec<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    Sum,
    Average,
    Minimum,
    Maximum,
}

/// By how tightly they bind, loosest first; longer spellings before their prefixes.
const OPERATORS: &[&[(&str, Operator)]] = &[
    &[("||", Operator::Or), ("OR", Operator::Or)],
    &[("&&", Operator::And), ("AND", Operator::And)],
    &[
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
    &[("^", Operator::Power)],
];

impl Expression {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parser = Parser { rest: text.trim_start() };
        let expression = parser.binary(0)?;
        if parser.rest.is_empty() {
            Ok(expression)
        } else {
            Err(format!("the embedded twin cannot read the math expression {text:?} from {:?} on", parser.rest))
        }
    }

    /// The ids it needs.
    pub fn ids(&self, into: &mut Vec<String>) {
        match self {
            Self::Number(_) => {}
            Self::Id(id) => into.push(id.clone()),
            Self::Negate(inner) => inner.ids(into),
            Self::Binary(left, _, right) | Self::Fill(left, right) => {
                left.ids(into);
                right.ids(into);
            }
            Self::If(condition, yes, no) => [condition, yes, no].into_iter().for_each(|part| part.ids(into)),
            Self::Fold(_, parts) => parts.iter().for_each(|part| part.ids(into)),
        }
    }

    /// The value of one period.
    pub fn value(&self, values: &BTreeMap<&str, Option<f64>>) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Id(id) => values.get(id.as_str()).copied().flatten(),
            Self::Negate(inner) => Some(-inner.value(values)?),
            Self::Binary(left, operator, right) => operator.apply(left.value(values)?, right.value(values)?),
            Self::If(condition, yes, no) => {
                if condition.value(values)? == 0.0 {
                    no.value(values)
                } else {
                    yes.value(values)
                }
            }
            Self::Fill(inner, otherwise) => inner.value(values).or_else(|| otherwise.value(values)),
            Self::Fold(fold, parts) => fold.apply(parts.iter().filter_map(|part| part.value(values))),
        }
    }
}

impl Operator {
    fn apply(self, left: f64, right: f64) -> Option<f64> {
        let truth = |holds: bool| f64::from(u8::from(holds));
        let value = match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Power => left.powf(right),
            Self::Less => truth(left < right),
            Self::LessOrEqual => truth(left <= right),
            Self::Greater => truth(left > right),
            Self::GreaterOrEqual => truth(left >= right),
            Self::Equal => truth(left == right),
            Self::NotEqual => truth(left != right),
            Self::And => truth(left != 0.0 && right != 0.0),
            Self::Or => truth(left != 0.0 || right != 0.0),
        };
        value.is_finite().then_some(value)
    }
}

impl Fold {
    fn apply(self, values: impl Iterator<Item = f64>) -> Option<f64> {
        let values: Vec<f64> = values.collect();
        let first = values.first().copied()?;
        Some(match self {
            Self::Sum => values.iter().sum(),
            Self::Average => values.iter().sum::<f64>() / values.len() as f64,
            Self::Minimum => values.iter().copied().fold(first, f64::min),
            Self::Maximum => values.iter().copied().fold(first, f64::max),
        })
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn binary(&mut self, level: usize) -> Result<Expression, String> {
        let Some(operators) = OPERATORS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(spelling, _)| self.take(spelling)) {
            let right = self.binary(level + 1)?;
            left = Expression::Binary(Box::new(left), *operator, Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, String> {
        if self.take("-") {
            return Ok(Expression::Negate(Box::new(self.unary()?)));
        }
        if self.take("(") {
            let inner = self.binary(0)?;
            self.expect(")")?;
            return Ok(inner);
        }
        let word = self.word();
        if word.is_empty() {
            return Err(format!("the embedded twin cannot read the math expression at {:?}", self.rest));
        }
        if word.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
            let number = word.parse().map_err(|_| format!("{word:?} is not a number in a math expression"))?;
            return Ok(Expression::Number(number));
        }
        if self.take("(") { self.function(&word) } else { Ok(Expression::Id(word)) }
    }

    fn function(&mut self, name: &str) -> Result<Expression, String> {
        let bracketed = self.take("[");
        let mut arguments = vec![self.binary(0)?];
        while self.take(",") {
            arguments.push(self.binary(0)?);
        }
        if bracketed {
            self.expect("]")?;
        }
        self.expect(")")?;
        let fold = match name {
            "SUM" => Some(Fold::Sum),
            "AVG" => Some(Fold::Average),
            "MIN" => Some(Fold::Minimum),
            "MAX" => Some(Fold::Maximum),
            _ => None,
        };
        // Without a list these fold a series over time, which is another thing.
        if let Some(fold) = fold.filter(|_| bracketed) {
            return Ok(Expression::Fold(fold, arguments));
        }
        let arguments: Vec<Box<Expression>> = arguments.into_iter().map(Box::new).collect();
        match (name, <[Box<Expression>; 3]>::try_from(arguments)) {
            ("IF", Ok([condition, yes, no])) => Ok(Expression::If(condition, yes, no)),
            ("FILL", Err(arguments)) => match <[Box<Expression>; 2]>::try_from(arguments) {
                Ok([inner, otherwise]) if !matches!(*otherwise, Expression::Id(_)) => {
                    Ok(Expression::Fill(inner, otherwise))
                }
                _ => Err("the embedded twin models FILL with a constant only, as in FILL(m1, 0)".to_owned()),
            },
            _ => Err(format!(
                "the embedded twin does not model the math function {name} used so; it knows arithmetic, \
                 comparisons, IF(c, a, b), FILL(m, constant) and SUM, AVG, MIN, MAX over [m1, m2]"
            )),
        }
    }

    fn word(&mut self) -> String {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        word.to_owned()
    }

    fn take(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(token) else { return false };
        let is_word = token.starts_with(|first: char| first.is_ascii_alphabetic());
        if is_word && rest.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_') {
            return false;
        }
        self.rest = rest.trim_start();
        true
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("a math expression lacks {token:?} at {:?}", self.rest)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Option<f64> {
        let values = BTreeMap::from([("m1", Some(6.0)), ("m2", Some(4.0)), ("zero", Some(0.0)), ("hole", None)]);
        Expression::parse(text).unwrap().value(&values)
    }

    #[test]
    fn arithmetic_binds_as_written() {
        assert_eq!(value("100 * m1 / (m1 + m2)"), Some(60.0));
        assert_eq!(value("m1 - m2 - 1"), Some(1.0));
        assert_eq!(value("-m1 + 2 ^ 3"), Some(2.0));
        assert_eq!(value("IF(m1 > 5 AND m2 < 5, 1, 0)"), Some(1.0));
        assert_eq!(value("SUM([m1, m2, hole])"), Some(10.0));
    }

    #[test]
    fn holes_and_zero_divisors_are_holes() {
        assert_eq!(value("m1 / zero"), None);
        assert_eq!(value("m1 + hole"), None);
        assert_eq!(value("FILL(hole, 0) + m1"), Some(6.0));
    }

    #[test]
    fn what_is_not_modelled_is_named() {
        assert!(Expression::parse("ANOMALY_DETECTION_BAND(m1, 2)").unwrap_err().contains("ANOMALY_DETECTION_BAND"));
        assert!(Expression::parse("m1 m2").unwrap_err().contains("m2"));
        assert!(Expression::parse("FILL(m1, REPEAT)").is_err());
    }
}
