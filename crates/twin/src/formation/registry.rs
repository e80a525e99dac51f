//! The resource types there are.

use std::collections::BTreeMap;

use super::handler::{Property, ResourceHandler};

pub struct Registry(BTreeMap<&'static str, Box<dyn ResourceHandler>>);

impl Registry {
    pub fn new(handlers: Vec<Box<dyn ResourceHandler>>) -> Self {
        Self(handlers.into_iter().map(|handler| (handler.spec().name, handler)).collect())
    }

    pub fn get(&self, kind: &str) -> Option<&dyn ResourceHandler> {
        self.0.get(kind).map(|handler| &**handler)
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

/// The property of this name.
pub fn property<'p>(properties: &'p [Property], name: &str) -> Option<&'p Property> {
    properties.iter().find(|property| property.name == name)
}
