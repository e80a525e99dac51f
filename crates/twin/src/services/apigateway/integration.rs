//! Integrations: what a method does with a request, read from an OpenAPI extension or a template's Method.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::bad_request;
use crate::wire::{AwsError, Response};

/// The default and largest integration timeout ("Amazon API Gateway quotas": 50 ms to 29 s, more by request only).
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 50..=29_000;

/// Members of `x-amazon-apigateway-integration` that mean something here, or nothing to a proxy or mock integration.
const KNOWN: &[&str] = &[
    "type",
    "uri",
    "httpMethod",
    "credentials",
    "payloadFormatVersion",
    "passthroughBehavior",
    "timeoutInMillis",
    "contentHandling",
    "requestParameters",
    "requestTemplates",
    "responses",
    "cacheKeyParameters",
    "cacheNamespace",
    "connectionType",
    "responseTransferMode",
];

/// What a method does with a request.
#[derive(Clone, Debug)]
pub enum Integration {
    Lambda(LambdaProxy),
    Mock(Arc<Mock>),
}

/// A Lambda proxy integration.
#[derive(Clone, Debug)]
pub struct LambdaProxy {
    /// The function's ARN, in which `${stageVariables.name}` may stand.
    pub function: Arc<str>,
    pub has_variables: bool,
    /// Lambda is invoked by POST: any other method is accepted in an API and fails in every request.
    pub is_post: bool,
    /// The role it is invoked as; the function's resource policy decides where there is none.
    pub credentials: Option<String>,
    pub timeout: Duration,
}

/// An answer without a backend: one for each status code the request template can ask for.
#[derive(Debug)]
pub struct Mock {
    answer: Response,
}

impl Integration {
    /// Reads the OpenAPI extension; `place` says where it stands.
    pub fn read(given: &Value, place: &str) -> Result<Self, AwsError> {
        let members = given.as_object().ok_or_else(|| bad_request(format!("{place}: the integration is no object")))?;
        if let Some(unknown) = members.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            let nearest = KNOWN
                .iter()
                .max_by(|a, b| strsim::jaro_winkler(a, unknown).total_cmp(&strsim::jaro_winkler(b, unknown)))
                .copied()
                .unwrap_or_default();
            return Err(bad_request(format!(
                "{place}: the embedded twin does not model {unknown:?} of x-amazon-apigateway-integration; the nearest \
                 known member is {nearest:?}"
            )));
        }
        let text = |name: &str| given.get(name).and_then(Value::as_str);
        if text("connectionType").is_some_and(|kind| !kind.eq_ignore_ascii_case("INTERNET")) {
            return Err(bad_request(format!(
                "{place}: the embedded twin has no VPC links: connectionType must be INTERNET"
            )));
        }
        if text("responseTransferMode").is_some_and(|mode| !mode.eq_ignore_ascii_case("BUFFERED")) {
            return Err(bad_request(format!("{place}: the embedded twin does not stream answers: use BUFFERED")));
        }
        match text("type").unwrap_or_default().to_ascii_lowercase().as_str() {
            "aws_proxy" => Self::lambda(given, place).map(Self::Lambda),
            "mock" => Mock::read(given, place).map(|mock| Self::Mock(Arc::new(mock))),
            "" => Err(bad_request(format!("{place}: the integration has no type; aws_proxy is the usual one"))),
            other => Err(bad_request(format!(
                "{place}: the embedded twin does not model integrations of type {other:?}; it has aws_proxy and mock"
            ))),
        }
    }

    fn lambda(given: &Value, place: &str) -> Result<LambdaProxy, AwsError> {
        let text = |name: &str| given.get(name).and_then(Value::as_str);
        let uri = text("uri").unwrap_or_default();
        let function = uri.split_once(":lambda:path/2015-03-31/functions/").map(|(_, rest)| rest);
        let Some(function) = function.and_then(|rest| rest.strip_suffix("/invocations")) else {
            return Err(bad_request(format!(
                "{place}: the uri {uri:?} is no Lambda function: \
                 arn:aws:apigateway:<region>:lambda:path/2015-03-31/functions/<function arn>/invocations"
            )));
        };
        if text("payloadFormatVersion").is_some_and(|version| version != "1.0") {
            return Err(bad_request(format!("{place}: REST APIs have payloadFormatVersion 1.0 only")));
        }
        let timeout = given.get("timeoutInMillis").map_or(Some(*TIMEOUT_MS.end()), as_number);
        let timeout = timeout.filter(|timeout| TIMEOUT_MS.contains(timeout)).ok_or_else(|| {
            bad_request(format!(
                "{place}: timeoutInMillis must be between {} and {}",
                TIMEOUT_MS.start(),
                TIMEOUT_MS.end()
            ))
        })?;
        Ok(LambdaProxy {
            function: function.into(),
            has_variables: function.contains("${stageVariables."),
            is_post: text("httpMethod").is_some_and(|method| method.eq_ignore_ascii_case("POST")),
            credentials: text("credentials").filter(|role| !role.is_empty()).map(str::to_owned),
            timeout: Duration::from_millis(timeout),
        })
    }

    /// Reads the `Integration` of a template's Method by its OpenAPI names.
    pub fn of_template(given: &Value, place: &str) -> Result<Self, AwsError> {
        let mut members = serde_json::Map::new();
        for (name, value) in given.as_object().into_iter().flatten() {
            let renamed = match name.as_str() {
                "IntegrationHttpMethod" => "httpMethod".to_owned(),
                "IntegrationResponses" => {
                    members.insert("responses".to_owned(), template_responses(value));
                    continue;
                }
                other => lower_first(other),
            };
            members.insert(renamed, value.clone());
        }
        Self::read(&Value::Object(members), place)
    }
}

impl LambdaProxy {
    /// The function's ARN with the stage's variables put in.
    pub fn function(&self, variables: &BTreeMap<String, String>) -> Arc<str> {
        if !self.has_variables {
            return self.function.clone();
        }
        let mut out = String::with_capacity(self.function.len());
        let mut rest = &*self.function;
        while let Some((before, after)) = rest.split_once("${stageVariables.") {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            out.push_str(before);
            out.push_str(variables.get(name).map_or("", String::as_str));
            rest = after;
        }
        out.push_str(rest);
        out.into()
    }
}

impl Mock {
    fn read(given: &Value, place: &str) -> Result<Self, AwsError> {
        let template = given.pointer("/requestTemplates/application~1json").and_then(Value::as_str);
        let template = template.unwrap_or("{\"statusCode\": 200}");
        // Templates in the wild write {statusCode:200} as well as JSON.
        let digits: String = template.chars().filter(char::is_ascii_digit).collect();
        let plain = !template.contains(['$', '#']) && template.contains("statusCode");
        let status: u16 = digits.parse().ok().filter(|_| plain).ok_or_else(|| {
            bad_request(format!(
                "{place}: the embedded twin reads {{\"statusCode\": <number>}} as a mock's request \
                                 template, not {template:?}"
            ))
        })?;
        let responses = given.get("responses").and_then(Value::as_object);
        let chosen = responses.and_then(|all| all.get(&status.to_string()).or_else(|| all.get("default")));
        let chosen = chosen.ok_or_else(|| {
            bad_request(format!("{place}: the mock has no response for status {status} and no default"))
        })?;
        let status = chosen.get("statusCode").and_then(as_number).and_then(|status| u16::try_from(status).ok());
        let mut answer = Response::new(body(chosen, place)?);
        *answer.status_mut() = status
            .and_then(|status| StatusCode::from_u16(status).ok())
            .ok_or_else(|| bad_request(format!("{place}: the mock's response has no statusCode")))?;
        answer.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in chosen.get("responseParameters").and_then(Value::as_object).into_iter().flatten() {
            let (name, value) = header(name, value, place)?;
            answer.headers_mut().insert(name, value);
        }
        Ok(Self { answer })
    }

    pub fn answer(&self) -> Response {
        self.answer.clone()
    }
}

fn body(response: &Value, place: &str) -> Result<Bytes, AwsError> {
    let template = response.pointer("/responseTemplates/application~1json").and_then(Value::as_str).unwrap_or_default();
    if template.contains('$') || template.contains('#') {
        return Err(bad_request(format!(
            "{place}: the embedded twin has no template language: the mock's response template must be plain text"
        )));
    }
    Ok(Bytes::from(template.to_owned()))
}

/// `method.response.header.X: "'value'"`.
fn header(name: &str, value: &Value, place: &str) -> Result<(HeaderName, HeaderValue), AwsError> {
    let name =
        name.strip_prefix("method.response.header.").and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
    let value = value.as_str().and_then(|value| value.strip_prefix('\'')?.strip_suffix('\''));
    let value = value.and_then(|value| HeaderValue::from_str(value).ok());
    name.zip(value).ok_or_else(|| {
        bad_request(format!(
            "{place}: a mock's responseParameters are method.response.header.<name>: \"'<value>'\" with fixed values"
        ))
    })
}

fn as_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn template_responses(list: &Value) -> Value {
    let mut responses = serde_json::Map::new();
    for response in list.as_array().into_iter().flatten() {
        let pattern = response.get("SelectionPattern").and_then(Value::as_str).unwrap_or("default");
        let members = response.as_object().into_iter().flatten();
        let members = members.map(|(name, value)| (lower_first(name), value.clone())).collect();
        responses.insert(pattern.to_owned(), Value::Object(members));
    }
    Value::Object(responses)
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FUNCTION: &str = "arn:aws:lambda:us-east-1:1:function:orders";

    fn uri(function: &str) -> String {
        format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations")
    }

    #[test]
    fn a_lambda_proxy_is_read_from_both_spellings() {
        let open_api =
            json!({"type": "aws_proxy", "httpMethod": "POST", "uri": uri(FUNCTION), "timeoutInMillis": 5_000});
        let template = json!({"Type": "AWS_PROXY", "IntegrationHttpMethod": "POST", "Uri": uri(FUNCTION), "TimeoutInMillis": 5_000});
        for read in [Integration::read(&open_api, "x"), Integration::of_template(&template, "x")] {
            let Ok(Integration::Lambda(lambda)) = read else { panic!("{read:?}") };
            assert!(&*lambda.function == FUNCTION && lambda.is_post && lambda.timeout == Duration::from_secs(5));
        }
    }

    #[test]
    fn stage_variables_are_put_in() {
        let given = json!({"type": "AWS_PROXY", "httpMethod": "POST", "uri": uri(&format!("{FUNCTION}:${{stageVariables.alias}}"))});
        let Ok(Integration::Lambda(lambda)) = Integration::read(&given, "x") else { panic!() };
        let variables = BTreeMap::from([("alias".to_owned(), "live".to_owned())]);
        assert_eq!(&*lambda.function(&variables), format!("{FUNCTION}:live"));
    }

    #[test]
    fn what_is_not_modelled_is_named() {
        let refused = |given: Value| Integration::read(&given, "/x GET").unwrap_err().message;
        assert!(refused(json!({"type": "aws_proxy", "tlsConfig": {}})).contains("tlsConfig"));
        assert!(refused(json!({"type": "http_proxy"})).contains("http_proxy"));
        assert!(
            refused(json!({"type": "aws_proxy", "uri": "arn:aws:apigateway:us-east-1:sqs:path/q"})).contains("sqs")
        );
        assert!(
            refused(json!({"type": "aws_proxy", "uri": uri(FUNCTION), "timeoutInMillis": 29_001})).contains("29000")
        );
        assert!(refused(json!({"type": "aws_proxy", "connectionType": "VPC_LINK"})).starts_with("/x GET"));
    }

    #[test]
    fn a_mock_answers_with_fixed_headers() {
        let given = json!({"type": "mock", "requestTemplates": {"application/json": "{\"statusCode\" : 204}"}, "responses": {
            "default": {"statusCode": "204", "responseParameters": {"method.response.header.Access-Control-Allow-Origin": "'*'"}}}});
        let Ok(Integration::Mock(mock)) = Integration::read(&given, "x") else { panic!() };
        let answer = mock.answer();
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["access-control-allow-origin"].as_bytes()),
            (204, &b"*"[..])
        );
        let velocity = json!({"type": "mock", "requestTemplates": {"application/json": "#set($a=200)"}});
        assert!(Integration::read(&velocity, "x").is_err());
    }
}
