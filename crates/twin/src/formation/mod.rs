//! CloudFormation: templates in, resources out, through change sets.
//!
//! ```text
//! body ─ template::yaml ─→ Node ─ include, sam ─→ Node ─ template::sections ─→ Template ─ validate ─→ Document
//! Document + what stands ─ plan ─→ changes (a change set) ─ execute ─→ resource handlers, in order, on virtual time
//! ```
//!
//! [`api`] reads requests and writes answers, [`stack`] is the state, [`handler`] the contract with the services.
//! A template is checked whole before anything of it is made: an unknown section, type, property, attribute or
//! function is an error with its place and the nearest known name. No service is named in here but S3 (where
//! templates lie) and what the SAM subset expands to.

mod api;
mod coerce;
mod document;
mod execute;
mod graph;
mod handler;
mod include;
mod intrinsics;
mod parameters;
mod pattern;
mod plan;
mod registry;
mod sam;
mod stack;
mod template;
#[cfg(test)]
mod tests;
mod validate;

use std::sync::{Mutex, OnceLock, PoisonError};

pub use handler::{
    Created, Kind, Property, ResourceContext, ResourceError, ResourceHandler, Spec, Update, optional_text, text,
};

use futures_util::future::BoxFuture;

use crate::gateway::Call;
use crate::services::{self, Service};
use crate::wire::{AwsError, Protocol, Request, Response, query};
use registry::Registry;
use stack::Stacks;

#[derive(Default)]
pub struct CloudFormation {
    registry: OnceLock<Registry>,
    stacks: Mutex<Stacks>,
}

impl CloudFormation {
    fn registry(&self) -> &Registry {
        self.registry.get_or_init(|| Registry::new(services::resources()))
    }

    fn with_stacks<R>(&self, read: impl FnOnce(&mut Stacks) -> R) -> R {
        read(&mut self.stacks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Service for CloudFormation {
    fn protocol(&self) -> Protocol {
        Protocol::Query
    }

    fn operation(&self, request: &Request) -> String {
        query::Params::read(request).action().to_owned()
    }

    fn handle<'a>(&'a self, call: &'a Call, request: &'a Request) -> BoxFuture<'a, Result<Response, AwsError>> {
        Box::pin(async move { api::handle(self, call, &query::Params::read(request)) })
    }
}
