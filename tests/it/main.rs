//! Integration tests in one binary: the architecture, determinism, game days, guards, licences, probes, rotation, scenarios
//! and the stack.

mod architecture;
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
