//! Resource policies: which services may invoke a function, and on whose behalf.

use serde_json::{Value, json};

use crate::gateway::Principal;

/// One statement of a function's resource policy, as AddPermission makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub sid: String,
    /// A service name, an account, an ARN or `*`.
    pub principal: String,
    pub action: String,
    pub source_arn: Option<String>,
    pub source_account: Option<String>,
    /// The version or alias it is for.
    pub qualifier: Option<String>,
}

/// Who wants to invoke what, for whom.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub by: &'a Principal,
    pub qualifier: Option<&'a str>,
    /// The ARN of the thing a service acts for. Where the caller cannot tell, conditions on it are not evaluated.
    pub source: Option<&'a str>,
    pub account: &'a str,
}

impl Statement {
    pub fn allows(&self, attempt: Attempt<'_>) -> bool {
        matches!(self.action.as_str(), "lambda:InvokeFunction" | "lambda:*" | "*")
            && self.qualifier.as_deref() == attempt.qualifier
            && self.names(attempt.by, attempt.account)
            && self.source_account.as_deref().is_none_or(|account| account == attempt.account)
            && match (&self.source_arn, attempt.source) {
                (Some(pattern), Some(source)) => matches(pattern, source),
                _ => true,
            }
    }

    fn names(&self, by: &Principal, account: &str) -> bool {
        if self.principal == "*" {
            return true;
        }
        match by {
            Principal::Account => true,
            Principal::Service(name) => self.principal == *name,
            Principal::Role(arn) => {
                self.principal == *arn
                    || self.principal == account
                    || self
                        .principal
                        .strip_prefix("arn:aws:iam::")
                        .is_some_and(|rest| rest == format!("{account}:root"))
            }
        }
    }

    /// The statement as GetPolicy shows it.
    pub fn describe(&self, function_arn: &str) -> Value {
        let principal = if self.principal == "*" {
            json!("*")
        } else if self.principal.ends_with(".amazonaws.com") {
            json!({ "Service": self.principal })
        } else if self.principal.starts_with("arn:") {
            json!({ "AWS": self.principal })
        } else {
            json!({ "AWS": format!("arn:aws:iam::{}:root", self.principal) })
        };
        let resource = match &self.qualifier {
            Some(qualifier) => format!("{function_arn}:{qualifier}"),
            None => function_arn.to_owned(),
        };
        let mut shown = json!({
            "Sid": self.sid, "Effect": "Allow", "Principal": principal, "Action": self.action, "Resource": resource,
        });
        if let Some(arn) = &self.source_arn {
            shown["Condition"]["ArnLike"] = json!({ "AWS:SourceArn": arn });
        }
        if let Some(account) = &self.source_account {
            shown["Condition"]["StringEquals"] = json!({ "AWS:SourceAccount": account });
        }
        shown
    }
}

/// Whether `text` is what `pattern` says, `*` for any run of characters and `?` for one.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go back to: just past the last star, and one character further on in the text than last time.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(wanted) if *wanted == b'?' || *wanted == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    p = star;
                    t = from + 1;
                    retry = Some((star, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "arn:aws:execute-api:us-east-1:123456789012:abc123/prod/GET/orders/7";

    fn statement() -> Statement {
        Statement {
            sid: "api".to_owned(),
            principal: "apigateway.amazonaws.com".to_owned(),
            action: "lambda:InvokeFunction".to_owned(),
            source_arn: Some("arn:aws:execute-api:us-east-1:123456789012:abc123/*/GET/orders/*".to_owned()),
            source_account: None,
            qualifier: None,
        }
    }

    #[test]
    fn a_statement_allows_what_it_names_and_nothing_else() {
        let api = Principal::Service("apigateway.amazonaws.com".to_owned());
        let sns = Principal::Service("sns.amazonaws.com".to_owned());
        let attempt = Attempt { by: &api, qualifier: None, source: Some(API), account: "123456789012" };
        assert!(statement().allows(attempt));
        assert!(!statement().allows(Attempt { by: &sns, ..attempt }));
        assert!(!statement().allows(Attempt { qualifier: Some("live"), ..attempt }));
        assert!(!statement().allows(Attempt { source: Some(&API.replace("GET", "PUT")), ..attempt }));
        assert!(!Statement { source_account: Some("9".to_owned()), ..statement() }.allows(attempt));
    }

    #[test]
    fn patterns() {
        assert!(matches("*", "") && matches("a*c", "abbc") && matches("a?c", "abc") && matches("a*b*c", "a1b2b3c"));
        assert!(!matches("a?c", "ac") && !matches("a*c", "abd") && !matches("", "a"));
    }
}
