//! DynamoDB's numbers: decimals of up to 38 significant digits, compared and added exactly.
//!
//! The developer guide, "Naming rules and data types": magnitudes from 1E-130 to 9.99…E+125, 38 digits of
//! precision, leading and trailing zeros trimmed. Binary floats can do none of this.

use std::cmp::Ordering;

use crate::wire::AwsError;

/// Significant digits a number may have.
const DIGITS: u32 = 38;
/// The largest and smallest decimal exponent of the leading digit.
const MAGNITUDE: std::ops::RangeInclusive<i32> = -130..=125;

/// A decimal: `coefficient × 10^exponent`, without trailing zeros, so that equal numbers are equal values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Number {
    negative: bool,
    coefficient: u128,
    exponent: i32,
}

impl Number {
    pub const ZERO: Self = Self { negative: false, coefficient: 0, exponent: 0 };

    /// Reads what JSON carries as text: `-12.5`, `1e3`.
    pub fn parse(text: &str) -> Result<Self, AwsError> {
        let malformed =
            || AwsError::validation(format!("The parameter cannot be converted to a numeric value: {text}"));
        if text.is_empty() {
            return Err(AwsError::validation("The parameter cannot be converted to a numeric value"));
        }
        let (mantissa, power) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i32>().map_err(|_| malformed())?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.as_bytes().first() {
            Some(b'-') => (true, &mantissa[1..]),
            Some(b'+') => (false, &mantissa[1..]),
            _ => (false, mantissa),
        };
        let mut reading = Reading::default();
        for byte in digits.bytes() {
            reading.take(byte).ok_or_else(malformed)?;
        }
        if !reading.any {
            return Err(malformed());
        }
        if reading.too_long {
            return Err(too_many_digits());
        }
        Self::new(negative, reading.coefficient, i64::from(power) + reading.exponent())
    }

    /// A whole number.
    pub fn from_count(count: usize) -> Self {
        Self::new(false, count as u128, 0).unwrap_or(Self::ZERO)
    }

    pub fn plus(self, other: Self) -> Result<Self, AwsError> {
        if self.coefficient == 0 {
            return Ok(other);
        }
        if other.coefficient == 0 {
            return Ok(self);
        }
        let exponent = self.exponent.min(other.exponent);
        // A sum that does not fit here ends in a digit of the smaller number, more than 38 places down.
        let (a, b) = (self.scaled_to(exponent), other.scaled_to(exponent));
        let (Some(a), Some(b)) = (a, b) else { return Err(too_many_digits()) };
        let (negative, coefficient) = match (self.negative == other.negative, a.cmp(&b)) {
            (true, _) => (self.negative, a.checked_add(b).ok_or_else(too_many_digits)?),
            (false, Ordering::Less) => (other.negative, b - a),
            (false, _) => (self.negative, a - b),
        };
        Self::new(negative, coefficient, i64::from(exponent))
    }

    pub fn minus(self, other: Self) -> Result<Self, AwsError> {
        self.plus(other.negated())
    }

    /// The bytes it counts for in an item: about one for two digits, one more, and one for a sign.
    pub fn size(self) -> usize {
        if self.coefficient == 0 {
            return 1;
        }
        // The documented estimate; digits are stored in pairs aligned to the decimal point.
        let digits = digits_of(self.coefficient) as usize;
        digits.div_ceil(2) + 1 + usize::from(self.negative)
    }

    pub fn write(self, out: &mut String) {
        use std::fmt::Write;
        if self.negative {
            out.push('-');
        }
        // Writing to a String cannot fail.
        if self.exponent >= 0 {
            let _ = write!(out, "{}", self.coefficient);
            out.extend(std::iter::repeat_n('0', self.exponent as usize));
            return;
        }
        let (digits, places) = (digits_of(self.coefficient) as usize, self.exponent.unsigned_abs() as usize);
        if digits > places {
            let scale = 10_u128.pow(places as u32);
            let _ = write!(out, "{}.{:0places$}", self.coefficient / scale, self.coefficient % scale);
        } else {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', places - digits));
            let _ = write!(out, "{}", self.coefficient);
        }
    }

    fn new(negative: bool, mut coefficient: u128, exponent: i64) -> Result<Self, AwsError> {
        if coefficient == 0 {
            return Ok(Self::ZERO);
        }
        let mut exponent = exponent;
        while coefficient.is_multiple_of(10) {
            coefficient /= 10;
            exponent += 1;
        }
        let digits = digits_of(coefficient);
        if digits > DIGITS {
            return Err(too_many_digits());
        }
        let magnitude = exponent + i64::from(digits) - 1;
        if magnitude > i64::from(*MAGNITUDE.end()) {
            let message = "Number overflow. Attempting to store a number with magnitude larger than supported range";
            return Err(AwsError::validation(message));
        }
        if magnitude < i64::from(*MAGNITUDE.start()) {
            let message = "Number underflow. Attempting to store a number with magnitude smaller than supported range";
            return Err(AwsError::validation(message));
        }
        Ok(Self { negative, coefficient, exponent: exponent as i32 })
    }

    fn negated(self) -> Self {
        Self { negative: !self.negative && self.coefficient != 0, ..self }
    }

    fn scaled_to(self, exponent: i32) -> Option<u128> {
        let shift = u32::try_from(self.exponent - exponent).ok()?;
        self.coefficient.checked_mul(10_u128.checked_pow(shift)?)
    }

    fn compare_magnitude(&self, other: &Self) -> Ordering {
        match (self.coefficient, other.coefficient) {
            (0, 0) => return Ordering::Equal,
            (0, _) => return Ordering::Less,
            (_, 0) => return Ordering::Greater,
            _ => {}
        }
        let (mine, theirs) = (digits_of(self.coefficient), digits_of(other.coefficient));
        let leading = (self.exponent + mine as i32).cmp(&(other.exponent + theirs as i32));
        leading.then_with(|| {
            let widened = |coefficient: u128, digits: u32| coefficient * 10_u128.pow(DIGITS - digits);
            widened(self.coefficient, mine).cmp(&widened(other.coefficient, theirs))
        })
    }
}

/// The digits of a mantissa, as they are read.
#[derive(Default)]
struct Reading {
    coefficient: u128,
    /// Zeros that count only once another digit follows them.
    zeros: u32,
    /// Digits behind the point.
    places: u32,
    point: bool,
    any: bool,
    too_long: bool,
}

impl Reading {
    fn take(&mut self, byte: u8) -> Option<()> {
        match byte {
            b'.' if !self.point => {
                self.point = true;
                return Some(());
            }
            b'0' => self.zeros += 1,
            b'1'..=b'9' => {
                let shift = if self.coefficient == 0 { 0 } else { self.zeros + 1 };
                let scaled = 10_u128.checked_pow(shift).and_then(|scale| self.coefficient.checked_mul(scale));
                match scaled.and_then(|scaled| scaled.checked_add(u128::from(byte - b'0'))) {
                    Some(coefficient) => self.coefficient = coefficient,
                    None => self.too_long = true,
                }
                self.zeros = 0;
            }
            _ => return None,
        }
        self.places += u32::from(self.point);
        self.any = true;
        Some(())
    }

    fn exponent(&self) -> i64 {
        i64::from(self.zeros) - i64::from(self.places)
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_magnitude(other),
            (true, true) => other.compare_magnitude(self),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        f.write_str(&text)
    }
}

fn digits_of(coefficient: u128) -> u32 {
    coefficient.checked_ilog10().unwrap_or(0) + 1
}

fn too_many_digits() -> AwsError {
    AwsError::validation("Attempting to store more than 38 significant digits in a Number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn numbers_print_as_the_service_returns_them() {
        let cases = [
            ("1", "1"),
            ("-0", "0"),
            ("007", "7"),
            ("1.50", "1.5"),
            ("0.001", "0.001"),
            ("-12.340", "-12.34"),
            ("1e3", "1000"),
            ("1E-3", "0.001"),
            ("100", "100"),
            ("12e-1", "1.2"),
            ("1.05", "1.05"),
            ("+5", "5"),
            ("00.10e1", "1"),
            ("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"),
        ];
        for (given, expected) in cases {
            assert_eq!(n(given).to_string(), expected, "{given}");
        }
        assert_eq!(n("1e125").to_string().len(), 126);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for given in ["", "abc", "1.2.3", ".", "-", "1e", "0x1", "1 ", "NaN"] {
            assert!(Number::parse(given).is_err(), "{given}");
        }
        let error = |text: &str| Number::parse(text).unwrap_err().message;
        assert_eq!(
            error("123456789012345678901234567890123456789"),
            "Attempting to store more than 38 significant digits in a Number"
        );
        assert!(error("1e126").starts_with("Number overflow"));
        assert!(error("1e-131").starts_with("Number underflow"));
    }

    #[test]
    fn order_is_by_value() {
        let mut given =
            ["10", "9", "-1", "0", "1e-130", "-1e100", "9.99", "1e100", "100000000000000000000000000000000000001"]
                .map(|text| Number::parse(text).unwrap_or(Number::ZERO))
                .to_vec();
        given.sort();
        let sorted: Vec<String> = given
            .iter()
            .map(|number| if number.exponent.abs() > 90 { "big".into() } else { number.to_string() })
            .collect();
        assert_eq!(sorted, ["big", "-1", "0", "0", "big", "9", "9.99", "10", "big"]);
    }

    #[test]
    fn sums_are_exact() {
        assert_eq!(n("0.1").plus(n("0.2")).unwrap(), n("0.3"));
        assert_eq!(n("5").minus(n("7.25")).unwrap(), n("-2.25"));
        assert_eq!(n("9007199254740993").plus(n("1")).unwrap(), n("9007199254740994"));
        assert_eq!(n("1e38").minus(n("1")).unwrap(), n("99999999999999999999999999999999999999"));
        assert_eq!(n("3").minus(n("3")).unwrap(), Number::ZERO);
        assert!(n("1e100").plus(n("1")).is_err());
    }
}
