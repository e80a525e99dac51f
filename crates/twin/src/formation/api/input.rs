//! What requests bring along: templates, parameters, tags.

use super::{Asked, invalid};
use crate::formation::document::{BODY_BYTES_MAX, Document, Reading};
use crate::formation::intrinsics::StackNames;
use crate::formation::parameters::Given;
use crate::formation::stack::Stack;
use crate::region::Region;
use crate::wire::AwsError;

impl Asked<'_> {
    /// The region of the request.
    pub fn region(&self) -> Region {
        self.call.region
    }

    /// The document a request's template and parameters make, checked, for a stack of these names.
    pub fn document(&self, names: &StackNames, before: Option<&Before>) -> Result<Document, AwsError> {
        let previous = before.map(|before| &before.parameters);
        let body = match before.and_then(|before| before.body.clone()).filter(|_| self.flag("UsePreviousTemplate")) {
            Some(body) => body,
            None => self.body()?,
        };
        let given = self.parameters();
        let reading = Reading {
            cloud: &self.call.cloud,
            registry: self.formation.registry(),
            given: &given,
            previous,
            stack: names,
            patterns: true,
        };
        Document::read(body, &reading)
    }

    pub fn parameters(&self) -> Vec<Given> {
        let entries = self.params.list("Parameters").into_iter();
        entries
            .filter_map(|entry| {
                Some(Given {
                    key: entry.get("ParameterKey")?.to_owned(),
                    value: entry.get("ParameterValue").map(str::to_owned),
                    use_previous: entry.get("UsePreviousValue") == Some("true"),
                })
            })
            .collect()
    }

    pub fn tags(&self) -> Vec<(String, String)> {
        let entries = self.params.list("Tags").into_iter();
        entries
            .filter_map(|entry| Some((entry.get("Key")?.to_owned(), entry.get("Value").unwrap_or_default().to_owned())))
            .collect()
    }

    /// A request that says nothing of tags keeps those the stack has.
    pub fn tags_or(&self, before: Option<&Before>) -> Vec<(String, String)> {
        match before {
            Some(before) if self.params.list("Tags").is_empty() => before.tags.clone(),
            _ => self.tags(),
        }
    }

    pub fn flag(&self, name: &str) -> bool {
        self.params.get(name) == Some("true")
    }

    /// `TemplateBody`, or what lies at `TemplateURL`.
    pub fn body(&self) -> Result<String, AwsError> {
        match (self.params.get("TemplateBody"), self.params.get("TemplateURL")) {
            (Some(body), None) if body.len() > BODY_BYTES_MAX => {
                let message = format!(
                    "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must \
                     have length less than or equal to {BODY_BYTES_MAX}; upload it and give its TemplateURL"
                );
                Err(invalid(message))
            }
            (Some(body), None) => Ok(body.to_owned()),
            (None, Some(url)) => {
                let (bucket, key) = s3_location(url)
                    .ok_or_else(|| invalid(format!("TemplateURL {url:?} must be the https URL of an S3 object")))?;
                let bytes = self.call.cloud.s3.read(&bucket, &key);
                let bytes = bytes.ok_or_else(|| invalid(format!("S3 error: s3://{bucket}/{key} does not exist")))?;
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            _ => Err(invalid("Either Template URL or Template Body must be specified.")),
        }
    }
}

/// What a stack has that an update may keep.
pub struct Before {
    pub body: Option<String>,
    pub parameters: crate::formation::parameters::Parameters,
    pub tags: Vec<(String, String)>,
}

impl Before {
    pub fn of(stack: &Stack) -> Self {
        Self {
            body: stack.document.as_ref().map(|document| document.body.clone()),
            parameters: stack.parameters.clone(),
            tags: stack.tags.clone(),
        }
    }
}

/// Bucket and key of `https://<bucket>.s3.<region>.amazonaws.com/<key>` or its path style.
fn s3_location(url: &str) -> Option<(String, String)> {
    if let Some((bucket, key)) = url.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
        return Some((bucket.to_owned(), key.to_owned()));
    }
    let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
    let host = host.strip_suffix(".amazonaws.com")?;
    let path = path.split('?').next().unwrap_or_default();
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    if host == "s3" || host.starts_with("s3.") || host.starts_with("s3-") {
        return path.split_once('/').map(|(bucket, key)| (bucket.to_owned(), key.to_owned()));
    }
    let end = host.rfind(".s3.").or_else(|| host.strip_suffix(".s3").map(str::len)).or_else(|| host.rfind(".s3-"))?;
    Some((host[..end].to_owned(), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn template_urls_name_a_bucket_and_a_key() {
        let found = |url: &str| s3_location(url).map(|(bucket, key)| format!("{bucket} {key}"));
        let expected = Some("b.c d/e.yaml".to_owned());
        assert_eq!(found("https://b.c.s3.eu-west-1.amazonaws.com/d/e.yaml"), expected);
        assert_eq!(found("https://b.c.s3.amazonaws.com/d/e.yaml"), expected);
        assert_eq!(found("https://s3.eu-west-1.amazonaws.com/b.c/d/e.yaml"), expected);
        assert_eq!(found("https://s3.amazonaws.com/b.c/d/e.yaml?versionId=1"), expected);
        assert_eq!(found("https://example.com/b/c"), None);
    }
}
