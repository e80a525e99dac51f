//! How a function is named: by its name, a partial ARN or an ARN, with or without a qualifier.

use crate::region::Region;

/// What an invocation asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The Region of an ARN.
    pub region: Option<Region>,
    pub name: &'a str,
    /// A version, an alias or `$LATEST`.
    pub qualifier: Option<&'a str>,
}

impl<'a> Target<'a> {
    pub fn parse(text: &'a str) -> Self {
        let (region, rest) = match text.strip_prefix("arn:aws:lambda:") {
            Some(rest) => {
                let (region, rest) = rest.split_once(':').unwrap_or((rest, ""));
                (Region::parse(region).ok(), rest)
            }
            None => (None, text),
        };
        let rest = rest.split_once(":function:").map_or(rest, |(_account, name)| name);
        let rest = rest.strip_prefix("function:").unwrap_or(rest);
        match rest.split_once(':') {
            Some((name, qualifier)) => Self { region, name, qualifier: Some(qualifier) },
            None => Self { region, name: rest, qualifier: None },
        }
    }

    /// The same with a qualifier given beside the name.
    pub fn qualified(self, qualifier: Option<&'a str>) -> Self {
        Self { qualifier: qualifier.or(self.qualifier), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_name_a_function() {
        let eu = Some(Region::EU_WEST_1);
        let target = |region, name, qualifier| Target { region, name, qualifier };
        for (text, wanted) in [
            ("orders", target(None, "orders", None)),
            ("orders:live", target(None, "orders", Some("live"))),
            ("123456789012:function:orders", target(None, "orders", None)),
            ("arn:aws:lambda:eu-west-1:123456789012:function:orders", target(eu, "orders", None)),
            ("arn:aws:lambda:eu-west-1:123456789012:function:orders:7", target(eu, "orders", Some("7"))),
        ] {
            assert_eq!(Target::parse(text), wanted, "{text}");
        }
    }
}
