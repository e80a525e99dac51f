//! OpenAPI bodies: which parts of the document make an API, and which make the twin refuse it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::bad_request;
use super::integration::Integration;
use super::route::Paths;
use crate::wire::AwsError;

const METHODS: &[(&str, &str)] = &[
    ("delete", "DELETE"),
    ("get", "GET"),
    ("head", "HEAD"),
    ("options", "OPTIONS"),
    ("patch", "PATCH"),
    ("post", "POST"),
    ("put", "PUT"),
    ("x-amazon-apigateway-any-method", "ANY"),
];

/// Extensions of the document that mean something here, or nothing to the data plane.
const EXTENSIONS: &[&str] = &[
    "x-amazon-apigateway-binary-media-types",
    "x-amazon-apigateway-endpoint-configuration",
    "x-amazon-apigateway-minimum-compression-size",
    "x-amazon-apigateway-request-validators",
    "x-amazon-apigateway-tag-value",
    "x-amazon-apigateway-api-key-source",
    "x-amazon-apigateway-importexport-version",
];

/// What a document says.
#[derive(Debug)]
pub struct Document {
    pub title: Option<String>,
    pub paths: Paths,
}

/// Reads a document given as text: JSON or YAML.
pub fn parse(text: &[u8]) -> Result<Value, AwsError> {
    let text = std::str::from_utf8(text).map_err(|_| bad_request("the OpenAPI document is not UTF-8"))?;
    serde_saphyr::from_str(text).map_err(|error| bad_request(format!("the OpenAPI document cannot be read: {error}")))
}

/// Reads a document; what the twin cannot do is an error that names it.
pub fn read(document: &Value) -> Result<Document, AwsError> {
    let members = document.as_object().ok_or_else(|| bad_request("the OpenAPI document is no object"))?;
    // YAML reads an unquoted `swagger: 2.0` as a number.
    let version = members.get("openapi").or_else(|| members.get("swagger"));
    let version = version.map(|version| version.as_str().map_or_else(|| version.to_string(), str::to_owned));
    let version = version.unwrap_or_default();
    if !(version.starts_with("3.0") || version.starts_with("3.1") || version.starts_with("2.0")) {
        return Err(bad_request(format!(
            "the document is OpenAPI {version:?}; API Gateway imports 3.0 and Swagger 2.0"
        )));
    }
    let extensions = members.keys().filter(|name| name.starts_with("x-amazon-"));
    if let Some(unknown) = extensions.into_iter().find(|name| !EXTENSIONS.contains(&name.as_str())) {
        return Err(bad_request(format!("the embedded twin does not model {unknown} of an OpenAPI document")));
    }
    secured(document, "the document")?;
    let mut paths = Paths::new();
    for (path, item) in members.get("paths").and_then(Value::as_object).into_iter().flatten() {
        if !path.starts_with('/') {
            return Err(bad_request(format!("the path {path:?} does not begin with a slash")));
        }
        paths.insert(path.clone(), methods(path, item)?);
    }
    let title = document.pointer("/info/title").and_then(Value::as_str).map(str::to_owned);
    Ok(Document { title, paths })
}

fn methods(path: &str, item: &Value) -> Result<BTreeMap<String, Option<Integration>>, AwsError> {
    let mut methods = BTreeMap::new();
    for (name, operation) in item.as_object().into_iter().flatten() {
        let Some((_, method)) = METHODS.iter().find(|(known, _)| known == name) else {
            match name.as_str() {
                "parameters" | "summary" | "description" | "servers" => continue,
                _ => return Err(bad_request(format!("{path}: {name:?} is no method of a path"))),
            }
        };
        let place = format!("{path} {method}");
        secured(operation, &place)?;
        let extensions = operation.as_object().into_iter().flat_map(|members| members.keys());
        for extension in extensions.filter(|name| name.starts_with("x-amazon-")) {
            match extension.as_str() {
                "x-amazon-apigateway-integration" => {}
                "x-amazon-apigateway-auth" if operation[extension]["type"] == "NONE" => {}
                _ => return Err(bad_request(format!("{place}: the embedded twin does not model {extension}"))),
            }
        }
        let integration = operation.get("x-amazon-apigateway-integration");
        let integration = integration.map(|given| Integration::read(given, &place)).transpose()?;
        methods.insert((*method).to_owned(), integration);
    }
    Ok(methods)
}

/// Refuses what would let callers in whom AWS keeps out.
fn secured(node: &Value, place: &str) -> Result<(), AwsError> {
    let demands = node.get("security").and_then(Value::as_array).into_iter().flatten();
    let named = demands.filter_map(Value::as_object).find_map(|demand| demand.keys().next());
    match named {
        Some(name) => Err(bad_request(format!("{place}: the embedded twin does not model the authorizer {name:?}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"
openapi: 3.0.1
info: { title: orders, version: "1" }
paths:
  /orders/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
    get:
      x-amazon-apigateway-integration:
        type: aws_proxy
        httpMethod: POST
        uri: arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f/invocations
    put: { responses: {} }
"#;

    #[test]
    fn a_document_gives_paths_and_methods() {
        let read = read(&parse(DOCUMENT.as_bytes()).unwrap()).unwrap();
        assert_eq!(read.title.as_deref(), Some("orders"));
        let methods = &read.paths["/orders/{id}"];
        assert!(methods["GET"].is_some() && methods["PUT"].is_none());
    }

    #[test]
    fn what_is_not_modelled_is_named() {
        let refused = |from: &str, to: &str| {
            let text = DOCUMENT.replace(from, to);
            read(&parse(text.as_bytes()).unwrap()).unwrap_err().message
        };
        assert!(refused("put: {", "put: { security: [{ key: [] }],").contains("\"key\""));
        assert!(refused("info:", "x-amazon-apigateway-policy: {}\ninfo:").contains("x-amazon-apigateway-policy"));
        assert!(refused("    get:", "    gett:").contains("gett"));
        assert!(refused("put: {", "put: { x-amazon-apigateway-request-validator: all,").contains("request-validator"));
        assert!(refused("3.0.1", "4.0").contains("4.0"));
    }
}
