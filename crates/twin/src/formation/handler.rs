//! The seam between the template engine and the services: what a resource type accepts, and what it becomes.
//!
//! The engine validates properties against [`Spec`] before a change set exists (unknown names, missing required
//! ones, wrong kinds), resolves every intrinsic and coerces scalars to their [`Kind`], so a handler sees plain,
//! checked JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::Cloud;
use crate::region::Region;
use crate::wire::AwsError;

/// A resource type as the template reference documents it.
#[derive(Debug)]
pub struct Spec {
    /// `AWS::S3::Bucket`.
    pub name: &'static str,
    pub properties: &'static [Property],
    /// What `Fn::GetAtt` may ask for.
    pub attributes: &'static [&'static str],
}

/// One property of a resource type or of an object inside it.
#[derive(Debug)]
pub struct Property {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
    pub update: Update,
}

/// The shape of a property's value.
#[derive(Debug)]
pub enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    List(&'static Kind),
    /// An object with these properties and no others.
    Object(&'static [Property]),
    /// Any keys, values of one kind.
    Map(&'static Kind),
    /// Anything: policy documents, OpenAPI bodies.
    Any,
}

/// What a changed value means for the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    InPlace,
    Replacement,
}

impl Property {
    /// An optional property, updated in place.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: false, update: Update::InPlace }
    }

    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// A change of this property makes a new resource.
    #[must_use]
    pub const fn replaces(mut self) -> Self {
        self.update = Update::Replacement;
        self
    }
}

/// Where and for whom a resource is made.
#[derive(Clone)]
pub struct ResourceContext {
    pub cloud: Arc<Cloud>,
    pub region: Region,
    pub stack_name: String,
    pub stack_id: String,
    pub logical_id: String,
    /// Tags of the stack, which CloudFormation puts on every taggable resource.
    pub stack_tags: Vec<(String, String)>,
}

impl ResourceContext {
    /// `<stack>-<logical id>-<12 letters>`, the name CloudFormation gives where the template gives none.
    pub fn generated_name(&self) -> String {
        format!("{}-{}-{}", self.stack_name, self.logical_id, self.cloud.ids.upper(12))
    }

    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.cloud.account)
    }
}

/// A resource that now exists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Created {
    /// What `Ref` gives, and what update and delete are called with.
    pub physical_id: String,
    /// What `Fn::GetAtt` gives, by the names in [`Spec::attributes`] (`Endpoint.Address` style names included).
    pub attributes: BTreeMap<String, Value>,
}

impl Created {
    pub fn new(physical_id: impl Into<String>) -> Self {
        Self { physical_id: physical_id.into(), attributes: BTreeMap::new() }
    }

    #[must_use]
    pub fn with(mut self, attribute: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(attribute.to_owned(), value.into());
        self
    }
}

/// Why a resource could not be made, changed or removed; becomes the status reason of its stack event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ResourceError(pub String);

impl From<AwsError> for ResourceError {
    fn from(error: AwsError) -> Self {
        Self(format!("{} (Status Code: {}; Error Code: {})", error.message, error.status, error.code))
    }
}

/// One resource type.
pub trait ResourceHandler: Send + Sync {
    fn spec(&self) -> &'static Spec;

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>>;

    /// Changes a resource in place. The engine replaces the resource itself where a changed property says so.
    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>>;

    /// Removes a resource; one that is gone already is no error.
    fn delete<'a>(
        &'a self,
        cx: &'a ResourceContext,
        physical_id: &'a str,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>>;
}

/// A text property that the spec says is there.
pub fn text<'a>(properties: &'a Value, name: &str) -> &'a str {
    optional_text(properties, name).unwrap_or_default()
}

pub fn optional_text<'a>(properties: &'a Value, name: &str) -> Option<&'a str> {
    properties.get(name).and_then(Value::as_str)
}
