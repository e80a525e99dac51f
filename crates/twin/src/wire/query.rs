//! The AWS Query protocol: form-encoded actions, XML answers.

use std::collections::BTreeMap;

use super::{AwsError, Request, Response, respond, xml::Element};

/// The parameters of one action, keyed as they came: `Parameters.member.1.ParameterKey`.
#[derive(Clone, Debug, Default)]
pub struct Params(BTreeMap<String, String>);

impl Params {
    pub fn read(request: &Request) -> Self {
        Self(form_urlencoded::parse(request.body()).into_owned().collect())
    }

    pub fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// A parameter that must be there.
    pub fn require(&self, key: &str) -> Result<&str, AwsError> {
        self.get(key).ok_or_else(|| {
            let message = format!("1 validation error detected: Value null at '{key}' failed: Member must not be null");
            AwsError::bad_request("ValidationError", message)
        })
    }

    /// The entries of a list such as `Parameters`, each with its own keys; a scalar entry has the key "".
    pub fn list(&self, name: &str) -> Vec<Params> {
        let mut entries: BTreeMap<usize, Params> = BTreeMap::new();
        let prefix = format!("{name}.member.");
        for (key, value) in self.0.range(prefix.clone()..) {
            let Some(rest) = key.strip_prefix(&prefix) else { break };
            let (index, member) = rest.split_once('.').unwrap_or((rest, ""));
            if let Ok(index) = index.parse() {
                entries.entry(index).or_default().0.insert(member.to_owned(), value.clone());
            }
        }
        entries.into_values().collect()
    }

    /// The entries of a list of scalars.
    pub fn strings(&self, name: &str) -> Vec<String> {
        self.list(name).into_iter().filter_map(|entry| entry.get("").map(str::to_owned)).collect()
    }
}

/// `<ActionResponse><ActionResult>…</ActionResult><ResponseMetadata>…`.
pub fn ok(action: &str, namespace: &str, request_id: &str, result: Vec<Element>) -> Response {
    let mut inner = Element::new(&format!("{action}Result"));
    for child in result {
        inner = inner.child(child);
    }
    let body = Element::new(&format!("{action}Response"))
        .attribute("xmlns", namespace)
        .child(inner)
        .child(Element::new("ResponseMetadata").text_child("RequestId", request_id))
        .document();
    respond(200, "text/xml", request_id, body)
}

/// A `<name><member>…</member></name>` list.
pub fn members(name: &str, entries: impl IntoIterator<Item = Element>) -> Element {
    entries.into_iter().fold(Element::new(name), Element::child)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn lists_keep_their_order_past_nine() {
        let body: String = (1..=11).map(|i| format!("&Names.member.{i}=n{i}")).collect();
        let params = Params::read(&Request::new(Bytes::from(format!("Action=Describe{body}"))));
        assert_eq!(params.action(), "Describe");
        assert_eq!(params.strings("Names")[10], "n11");
    }
}
