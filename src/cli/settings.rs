//! `blackstart.yaml` and what the command line and the environment add to it.

use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;

use super::args::{Target, Where};
use crate::scenario::{Plan, Settings};

/// Read where no other file is named, if it is there.
const DEFAULT: &str = "blackstart.yaml";
/// The SDKs' own variable for an endpoint (AWS SDKs and Tools reference guide, service-specific endpoints).
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// The target of this name.
pub fn target_named(name: &str) -> Option<Target> {
    Target::value_variants().iter().copied().find(|target| target.as_str() == name)
}

/// Puts the target that was asked for, and how it is reached, into a plan.
pub fn aim(plan: &mut Plan, at: &Where) -> anyhow::Result<()> {
    if let Some(target) = at.target {
        plan.target.name = target.as_str().to_owned();
    }
    if plan.target.name == Target::Embedded.as_str() {
        return Ok(());
    }
    plan.target.settings = read(at.config.clone())?;
    let endpoint = &mut plan.target.settings.endpoint;
    if at.endpoint_url.is_some() {
        endpoint.url.clone_from(&at.endpoint_url);
    }
    if endpoint.url.is_none() {
        endpoint.url = std::env::var(ENDPOINT).ok().filter(|url| !url.is_empty());
    }
    for (name, value) in plan.target.settings.parameters.clone() {
        plan.target.parameters.entry(name).or_insert(value);
    }
    Ok(())
}

pub(super) fn read(named: Option<PathBuf>) -> anyhow::Result<Settings> {
    let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT));
    if named.is_none() && !path.is_file() {
        return Ok(Settings::default());
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Settings::parse(&text).map_err(|what| anyhow::anyhow!("{}: {what}", path.display()))
}
