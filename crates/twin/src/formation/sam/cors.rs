//! `Cors` of an API: an `OPTIONS` method on every path of its body, answered by a mock, as SAM writes it.

use serde_json::json;

use super::{Sam, Source};
use crate::formation::template::{Data, Mark, Node, did_you_mean};

/// What `Cors` may say ("CorsConfiguration", SAM specification).
const KNOWN: &[&str] = &["AllowCredentials", "AllowHeaders", "AllowMethods", "AllowOrigin", "MaxAge"];
const ANY: &str = "x-amazon-apigateway-any-method";
const ALL_METHODS: &str = "'DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT'";

impl Sam<'_> {
    /// Adds the methods to the body.
    pub(super) fn cors(&mut self, source: &Source<'_>, body: &mut Option<Node>) {
        let Some(cors) = source.get("Cors") else { return };
        let path = source.path("Cors");
        let Some(body) = body.as_mut().filter(|body| body.as_call().is_none()) else {
            return self.fail(cors.at, &path, "needs a DefinitionBody, or an API made of its functions' events");
        };
        for entry in cors.as_map().filter(|_| cors.as_call().is_none()).unwrap_or_default() {
            if !KNOWN.contains(&entry.key.as_str()) {
                let near = did_you_mean(&entry.key, KNOWN.iter().copied());
                let why = format!("unknown property of Cors{near}");
                return self.fail(entry.key_at, &format!("{path}/{}", entry.key), why);
            }
        }
        let Some(mut paths) = body.take("paths") else { return };
        if let Data::Map(entries) = &mut paths.data {
            for entry in entries.iter_mut().filter(|entry| entry.value.get("options").is_none()) {
                let methods = methods(&entry.value);
                entry.value.set("options", options(cors, methods));
            }
        }
        body.set("paths", paths);
    }
}

/// The methods of a path, as the header lists them.
fn methods(path: &Node) -> String {
    let names = path.as_map().unwrap_or_default().iter().map(|entry| entry.key.as_str());
    let mut names: Vec<String> = names.filter(|name| *name != "parameters").map(str::to_uppercase).collect();
    if names.iter().any(|name| name.eq_ignore_ascii_case(ANY)) {
        return ALL_METHODS.to_owned();
    }
    names.push("OPTIONS".to_owned());
    names.sort();
    format!("'{}'", names.join(","))
}

fn options(cors: &Node, methods: String) -> Node {
    let at = cors.at;
    let own = |name: &str| match cors.as_map().filter(|_| cors.as_call().is_none()) {
        Some(_) => cors.get(name).cloned(),
        None => (name == "AllowOrigin").then(|| cors.clone()),
    };
    let credentials = own("AllowCredentials").is_some_and(|node| node.as_bool() == Some(true));
    let headers = [
        ("Allow-Credentials", credentials.then(|| Node::text(at, "'true'"))),
        ("Allow-Headers", own("AllowHeaders")),
        ("Allow-Methods", Some(own("AllowMethods").unwrap_or_else(|| Node::text(at, methods)))),
        ("Allow-Origin", own("AllowOrigin")),
        ("Max-Age", own("MaxAge")),
    ];
    let given: Vec<_> = headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let parameters =
        given.iter().map(|(name, value)| (format!("method.response.header.Access-Control-{name}"), value.clone()));
    let mut answer =
        Node::from_json(at, &json!({"statusCode": "200", "responseTemplates": {"application/json": "{}\n"}}));
    answer.set("responseParameters", Node::map(at, parameters));
    let declared = given.iter().map(|(name, _)| (format!("Access-Control-{name}"), text_header(at)));
    let response = Node::map(
        at,
        [("description", Node::text(at, "Default response for CORS method")), ("headers", Node::map(at, declared))],
    );
    let mut integration = Node::from_json(
        at,
        &json!({"type": "mock", "requestTemplates": {"application/json": "{\n  \"statusCode\" : 200\n}\n"}}),
    );
    integration.set("responses", Node::map(at, [("default", answer)]));
    Node::map(
        at,
        [
            ("summary", Node::text(at, "CORS support")),
            ("responses", Node::map(at, [("200", response)])),
            ("x-amazon-apigateway-integration", integration),
        ],
    )
}

fn text_header(at: Mark) -> Node {
    Node::from_json(at, &json!({"schema": {"type": "string"}}))
}
