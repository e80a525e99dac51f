//! Integration tests in one binary: the architecture, the stack, and (as they arrive) the CLI and determinism.

mod architecture;
mod determinism;
mod gamedays;
mod licences;
mod scenarios;
mod stack;
