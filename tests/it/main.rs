//! Integration tests in one binary, a module for each thing that several modules do together.

mod architecture;
mod capabilities;
mod conformance;
mod deployments;
mod determinism;
mod gamedays;
mod guards;
mod lags;
mod licences;
mod probes;
mod releases;
mod rotation;
mod scenarios;
mod stack;
mod throttling;
