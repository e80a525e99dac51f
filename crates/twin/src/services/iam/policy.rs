//! Policy documents: read once, then asked whether they allow or deny.
//!
//! Source: IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements". A condition on a key that the
//! twin does not fill is evaluated as the guide says for a key that is not in the request: positive operators do not
//! match, negated ones and `...IfExists` do.

use serde_json::Value;

use super::wildcard::like;
use crate::gateway::Principal;
use crate::wire::AwsError;

/// The condition keys the twin fills, in lower case as they are compared.
pub const KNOWN_KEYS: &[&str] = &[
    "aws:requestedregion",
    "aws:principalarn",
    "aws:principalaccount",
    "aws:resourceaccount",
    "aws:sourceaccount",
    "aws:sourceowner",
    "aws:securetransport",
    "aws:principalisawsservice",
];

/// What a policy says about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// No statement matched: denied implicitly unless another policy allows.
    Silent,
    Allow,
    /// An explicit deny, which nothing overrides.
    Deny,
}

/// Where a policy is attached, and so which elements it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Attached to a role: resources, no principal.
    Identity,
    /// A role's trust policy: principals, no resource.
    Trust,
    /// Attached to a resource: principals, and the resource itself where none is named.
    Resource,
}

/// A request as policies see it.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    pub principal: &'a Principal,
    pub account: &'a str,
    pub action: &'a str,
    pub resource: &'a str,
}

/// A policy document, compiled.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
struct Statement {
    allows: bool,
    actions: Patterns,
    resources: Option<Patterns>,
    principals: Option<Principals>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
struct Patterns {
    /// `NotAction`, `NotResource`: everything but these.
    negated: bool,
    patterns: Vec<String>,
}

#[derive(Clone, Debug)]
enum Principals {
    Anyone,
    Listed { services: Vec<String>, accounts: Vec<String> },
}

#[derive(Clone, Debug)]
struct Condition {
    test: Test,
    negated: bool,
    /// What a key that is not in the request makes of it.
    absent: bool,
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    Equals,
    EqualsIgnoreCase,
    Like,
    Null,
    /// Numbers, dates, addresses: none of the keys the twin fills is one.
    NeverFilled,
}

impl Policy {
    /// Reads a document as the APIs take it: JSON text or, from a template, an object.
    pub fn read(document: &Value, kind: Kind) -> Result<Self, AwsError> {
        let parsed;
        let document = match document {
            Value::String(text) => {
                parsed = serde_json::from_str(text).map_err(|error| malformed(format!("it is not JSON: {error}")))?;
                &parsed
            }
            other => other,
        };
        let statements = document.get("Statement").ok_or_else(|| malformed("it has no Statement"))?;
        let statements =
            many(statements).map(|statement| Statement::read(statement, kind)).collect::<Result<_, _>>()?;
        Ok(Self { statements })
    }

    /// A policy that allows these actions everywhere.
    pub fn allowing(actions: &[&str]) -> Self {
        let actions =
            Patterns { negated: false, patterns: actions.iter().map(|action| action.to_lowercase()).collect() };
        let statement = Statement { allows: true, actions, resources: None, principals: None, conditions: Vec::new() };
        Self { statements: vec![statement] }
    }

    pub fn verdict(&self, query: Query<'_>) -> Verdict {
        let matching = self.statements.iter().filter(|statement| statement.matches(query));
        matching.map(|s| if s.allows { Verdict::Allow } else { Verdict::Deny }).max().unwrap_or(Verdict::Silent)
    }

    /// Condition keys the twin never fills.
    pub fn unfilled_keys(&self) -> impl Iterator<Item = &str> {
        let conditions = self.statements.iter().flat_map(|statement| &statement.conditions);
        conditions.map(|condition| condition.key.as_str()).filter(|key| !KNOWN_KEYS.contains(key))
    }
}

impl Statement {
    fn read(statement: &Value, kind: Kind) -> Result<Self, AwsError> {
        const KNOWN: &[&str] = &[
            "Sid",
            "Effect",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Principal",
            "NotPrincipal",
            "Condition",
        ];
        let members = statement.as_object().ok_or_else(|| malformed("a statement is not an object"))?;
        if let Some(unknown) = members.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(malformed(format!("a statement has no element {unknown:?}")));
        }
        let allows = match members.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            other => return Err(malformed(format!("Effect must be Allow or Deny, not {other:?}"))),
        };
        let actions = Patterns::read(statement, "Action", "NotAction")?.ok_or_else(|| malformed("no Action"))?;
        let resources = Patterns::read(statement, "Resource", "NotResource")?;
        let principals = members.get("Principal").map(Principals::read).transpose()?;
        if members.contains_key("NotPrincipal") {
            return Err(malformed("the embedded twin does not model NotPrincipal"));
        }
        match kind {
            Kind::Identity if principals.is_some() => return Err(malformed("an identity policy names no Principal")),
            Kind::Identity if resources.is_none() => return Err(malformed("a statement has no Resource")),
            Kind::Trust | Kind::Resource if principals.is_none() => {
                return Err(malformed("a statement has no Principal"));
            }
            Kind::Trust if resources.is_some() => return Err(malformed("a trust policy names no Resource")),
            _ => {}
        }
        let conditions = members.get("Condition").map(Condition::read_all).transpose()?.unwrap_or_default();
        let actions = Patterns { patterns: actions.patterns.iter().map(|a| a.to_lowercase()).collect(), ..actions };
        Ok(Self { allows, actions, resources, principals, conditions })
    }

    fn matches(&self, query: Query<'_>) -> bool {
        self.actions.matches(&query.action.to_lowercase())
            && self.resources.as_ref().is_none_or(|resources| resources.matches(query.resource))
            && self.principals.as_ref().is_none_or(|principals| principals.matches(query))
            && self.conditions.iter().all(|condition| condition.holds(query))
    }
}

impl Patterns {
    fn read(statement: &Value, name: &str, not_name: &str) -> Result<Option<Self>, AwsError> {
        let (negated, value) = match (statement.get(name), statement.get(not_name)) {
            (Some(value), None) => (false, value),
            (None, Some(value)) => (true, value),
            (None, None) => return Ok(None),
            _ => return Err(malformed(format!("a statement has both {name} and {not_name}"))),
        };
        Ok(Some(Self { negated, patterns: strings(value, name)? }))
    }

    fn matches(&self, text: &str) -> bool {
        self.patterns.iter().any(|pattern| like(pattern, text)) != self.negated
    }
}

impl Principals {
    fn read(value: &Value) -> Result<Self, AwsError> {
        if value.as_str() == Some("*") {
            return Ok(Self::Anyone);
        }
        let members = value.as_object().ok_or_else(|| malformed("Principal must be \"*\" or an object"))?;
        let (mut services, mut accounts) = (Vec::new(), Vec::new());
        for (kind, names) in members {
            match kind.as_str() {
                "Service" => services.extend(strings(names, "Principal.Service")?),
                "AWS" => accounts.extend(strings(names, "Principal.AWS")?),
                // Federated and canonical users exist in no twin: nobody can be one.
                "Federated" | "CanonicalUser" => {}
                other => return Err(malformed(format!("Principal has no kind {other:?}"))),
            }
        }
        if accounts.iter().any(|name| name == "*") {
            return Ok(Self::Anyone);
        }
        Ok(Self::Listed { services, accounts })
    }

    fn matches(&self, query: Query<'_>) -> bool {
        let Self::Listed { services, accounts } = self else { return true };
        match query.principal {
            Principal::Service(name) => services.iter().any(|service| service == name),
            // An account stands for all of its principals; a role also for itself.
            Principal::Role(arn) => accounts.iter().any(|name| name == arn || is_account(name, query.account)),
            Principal::Account => accounts.iter().any(|name| is_account(name, query.account)),
        }
    }
}

fn is_account(name: &str, account: &str) -> bool {
    name == account || name.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root")) == Some(account)
}

impl Condition {
    fn read_all(value: &Value) -> Result<Vec<Self>, AwsError> {
        let operators = value.as_object().ok_or_else(|| malformed("Condition must be an object"))?;
        let mut conditions = Vec::new();
        for (operator, keys) in operators {
            let (of_set, rest) = match operator.split_once(':') {
                Some(("ForAllValues", rest)) => (Some(true), rest),
                Some(("ForAnyValue", rest)) => (Some(false), rest),
                Some(_) => return Err(malformed(format!("Condition has no operator {operator:?}"))),
                None => (None, operator.as_str()),
            };
            let (if_exists, rest) = rest.strip_suffix("IfExists").map_or((false, rest), |rest| (true, rest));
            let (test, negated) =
                test(rest).ok_or_else(|| malformed(format!("Condition has no operator {operator:?}")))?;
            let keys = keys.as_object().ok_or_else(|| malformed(format!("Condition {operator} must be an object")))?;
            for (key, values) in keys {
                let values = many(values).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                let (key, values) = (key.to_lowercase(), values.collect());
                let absent = if_exists || of_set.unwrap_or(negated);
                conditions.push(Self { test, negated, absent, key, values });
            }
        }
        Ok(conditions)
    }

    fn holds(&self, query: Query<'_>) -> bool {
        let filled = fill(&self.key, query);
        if self.test == Test::Null {
            let wants_absent = self.values.iter().any(|value| value.eq_ignore_ascii_case("true"));
            return filled.is_none() == wants_absent;
        }
        let Some(filled) = filled else { return self.absent };
        let any = self.values.iter().any(|value| match self.test {
            Test::Equals => value == filled,
            Test::EqualsIgnoreCase => value.eq_ignore_ascii_case(filled),
            Test::Like => like(value, filled),
            Test::Null | Test::NeverFilled => false,
        });
        any != self.negated
    }
}

fn test(operator: &str) -> Option<(Test, bool)> {
    Some(match operator {
        "StringEquals" => (Test::Equals, false),
        "StringNotEquals" => (Test::Equals, true),
        "StringEqualsIgnoreCase" | "Bool" => (Test::EqualsIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Test::EqualsIgnoreCase, true),
        // The guide: ArnEquals and ArnLike behave identically.
        "StringLike" | "ArnLike" | "ArnEquals" => (Test::Like, false),
        "StringNotLike" | "ArnNotLike" | "ArnNotEquals" => (Test::Like, true),
        "Null" => (Test::Null, false),
        "NumericEquals"
        | "NumericLessThan"
        | "NumericLessThanEquals"
        | "NumericGreaterThan"
        | "NumericGreaterThanEquals"
        | "DateEquals"
        | "DateLessThan"
        | "DateLessThanEquals"
        | "DateGreaterThan"
        | "DateGreaterThanEquals"
        | "IpAddress"
        | "BinaryEquals" => (Test::NeverFilled, false),
        "NumericNotEquals" | "DateNotEquals" | "NotIpAddress" => (Test::NeverFilled, true),
        _ => return None,
    })
}

/// What the request holds under a condition key; nothing where the twin does not know.
fn fill<'a>(key: &str, query: Query<'a>) -> Option<&'a str> {
    let of_arn = |index: usize| query.resource.split(':').nth(index).filter(|part| !part.is_empty());
    let is_service = matches!(query.principal, Principal::Service(_));
    match key {
        "aws:requestedregion" => of_arn(3),
        "aws:resourceaccount" => Some(of_arn(4).unwrap_or(query.account)),
        "aws:principalarn" => match query.principal {
            Principal::Role(arn) => Some(arn),
            Principal::Account | Principal::Service(_) => None,
        },
        "aws:principalaccount" => (!is_service).then_some(query.account),
        // Services of the twin act for its one account only.
        "aws:sourceaccount" | "aws:sourceowner" => Some(query.account),
        "aws:securetransport" => Some("true"),
        "aws:principalisawsservice" => Some(if is_service { "true" } else { "false" }),
        _ => None,
    }
}

/// A list, or the one thing that stands for a list of one.
fn many(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

fn strings(value: &Value, element: &str) -> Result<Vec<String>, AwsError> {
    let text = |value: &Value| {
        value.as_str().map(str::to_owned).ok_or_else(|| malformed(format!("{element} must be text or a list of it")))
    };
    many(value).map(text).collect()
}

fn malformed(why: impl std::fmt::Display) -> AwsError {
    AwsError::bad_request("MalformedPolicyDocument", format!("the policy document cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TABLE: &str = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders";

    fn verdict(document: Value, action: &str, resource: &str) -> Verdict {
        let principal = Principal::Role("arn:aws:iam::123456789012:role/app".to_owned());
        let query = Query { principal: &principal, account: "123456789012", action, resource };
        Policy::read(&document, Kind::Identity).unwrap().verdict(query)
    }

    #[test]
    fn a_deny_wins_and_silence_is_no_allow() {
        let document = json!({ "Statement": [
            { "Effect": "Allow", "Action": "dynamodb:*", "Resource": "*" },
            { "Effect": "Deny", "Action": ["dynamodb:DeleteTable", "dynamodb:DeleteItem"], "Resource": TABLE },
        ]});
        assert_eq!(verdict(document.clone(), "dynamodb:PutItem", TABLE), Verdict::Allow);
        assert_eq!(verdict(document.clone(), "dynamodb:DeleteItem", TABLE), Verdict::Deny);
        assert_eq!(verdict(document.clone(), "DynamoDB:deleteitem", TABLE), Verdict::Deny);
        assert_eq!(verdict(document, "s3:GetObject", "arn:aws:s3:::b/k"), Verdict::Silent);
    }

    #[test]
    fn not_action_and_not_resource_are_everything_else() {
        let document =
            json!({ "Statement": { "Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::secret/*" }});
        assert_eq!(verdict(document.clone(), "s3:GetObject", "arn:aws:s3:::open/k"), Verdict::Allow);
        assert_eq!(verdict(document.clone(), "s3:GetObject", "arn:aws:s3:::secret/k"), Verdict::Silent);
        assert_eq!(verdict(document, "iam:GetRole", "*"), Verdict::Silent);
    }

    #[test]
    fn conditions_hold_by_what_the_request_says() {
        let only = |condition: Value| json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition }});
        let on = |condition: Value| verdict(only(condition), "dynamodb:PutItem", TABLE) == Verdict::Allow;
        assert!(on(json!({ "StringEquals": { "aws:RequestedRegion": ["us-east-1", "eu-west-1"] } })));
        assert!(!on(json!({ "StringEquals": { "aws:RequestedRegion": "us-east-1" } })));
        assert!(on(json!({ "StringLike": { "aws:RequestedRegion": "eu-*" } })));
        assert!(!on(json!({ "StringEquals": { "aws:PrincipalTag/team": "a" } })));
        assert!(on(json!({ "StringNotEquals": { "aws:PrincipalTag/team": "a" } })));
        assert!(on(json!({ "StringEqualsIfExists": { "aws:PrincipalTag/team": "a" } })));
        assert!(on(json!({ "ForAllValues:StringEquals": { "dynamodb:Attributes": "id" } })));
        assert!(!on(json!({ "ForAnyValue:StringNotEquals": { "dynamodb:Attributes": "id" } })));
        assert!(on(json!({ "Bool": { "aws:SecureTransport": true } })));
        assert!(!on(json!({ "Bool": { "aws:SecureTransport": "false" } })));
        assert!(!on(json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } })));
    }

    #[test]
    fn a_malformed_document_says_what_is_wrong() {
        let error = |document: Value, kind| Policy::read(&document, kind).unwrap_err().message;
        let no_resource = json!({ "Statement": { "Effect": "Allow", "Action": "s3:*" } });
        assert!(error(no_resource.clone(), Kind::Identity).contains("no Resource"));
        assert!(error(no_resource, Kind::Trust).contains("no Principal"));
        let typo = json!({ "Statement": { "Effect": "Allow", "Actions": "s3:*", "Resource": "*" } });
        assert!(error(typo, Kind::Identity).contains("Actions"));
        assert!(error(json!("{"), Kind::Identity).contains("not JSON"));
    }
}
