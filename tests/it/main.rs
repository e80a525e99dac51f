//! Integration tests in one binary: the architecture, determinism, game days, licences, scenarios and the stack.

mod architecture;
mod determinism;
mod gamedays;
mod licences;
mod scenarios;
mod stack;
