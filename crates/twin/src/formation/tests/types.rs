//! Resource types for the engine's own tests: they write down what they are asked.

use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::formation::{Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, text};

/// What the handlers were asked, in order.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

const TAG: Kind = Kind::Object(&[Property::new("Key", Kind::Text).required(), Property::new("Value", Kind::Text)]);
const PROPERTIES: &[Property] = &[
    Property::new("Name", Kind::Text).required().replaces(),
    Property::new("Size", Kind::Integer),
    Property::new("Extra", Kind::Text),
    Property::new("Body", Kind::Any),
    Property::new("Tags", Kind::List(&TAG)),
];
const ATTRIBUTES: &[&str] = &["Arn", "Endpoint.Address"];

static THING: Spec = Spec { name: "Test::Thing", properties: PROPERTIES, attributes: ATTRIBUTES };
static ROLE: Spec = Spec { name: "AWS::IAM::Role", properties: PROPERTIES, attributes: ATTRIBUTES };

struct Thing {
    spec: &'static Spec,
    log: Log,
}

pub fn handlers(log: &Log) -> Vec<Box<dyn ResourceHandler>> {
    [&THING, &ROLE].map(|spec| Box::new(Thing { spec, log: log.clone() }) as Box<dyn ResourceHandler>).into()
}

impl Thing {
    fn made(properties: &Value) -> Result<Created, ResourceError> {
        if properties["Size"] == 13 {
            return Err(ResourceError("thirteen is unlucky".to_owned()));
        }
        let name = text(properties, "Name");
        Ok(Created::new(name).with("Arn", format!("arn:thing/{name}")).with("Endpoint.Address", "e"))
    }
}

impl ResourceHandler for Thing {
    fn spec(&self) -> &'static Spec {
        self.spec
    }

    fn create<'a>(
        &'a self,
        cx: &'a ResourceContext,
        properties: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            self.log.push(format!("create {} {properties}", cx.logical_id));
            Self::made(properties)
        })
    }

    fn update<'a>(
        &'a self,
        cx: &'a ResourceContext,
        _physical_id: &'a str,
        _old: &'a Value,
        new: &'a Value,
    ) -> BoxFuture<'a, Result<Created, ResourceError>> {
        Box::pin(async move {
            self.log.push(format!("update {} {new}", cx.logical_id));
            Self::made(new)
        })
    }

    fn delete<'a>(
        &'a self,
        _cx: &'a ResourceContext,
        physical_id: &'a str,
        _properties: &'a Value,
    ) -> BoxFuture<'a, Result<(), ResourceError>> {
        Box::pin(async move {
            self.log.push(format!("delete {physical_id}"));
            Ok(())
        })
    }
}
