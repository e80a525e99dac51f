//! What templates can ask of Lambda.

mod alias;
mod event_invoke_config;
mod function;
mod permission;
mod version;

use crate::formation::ResourceHandler;

/// The resource types of this service.
pub fn resources() -> Vec<Box<dyn ResourceHandler>> {
    vec![
        Box::new(function::FunctionResource),
        Box::new(version::VersionResource),
        Box::new(alias::AliasResource),
        Box::new(permission::PermissionResource),
        Box::new(event_invoke_config::EventInvokeConfigResource),
    ]
}
