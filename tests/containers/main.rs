//! The same code where we wrote nothing: LocalStack in containers, and ministack as a process of this machine.
//!
//! Skipped, loudly, where no container engine answers or ministack is not installed. With BLACKSTART_REQUIRE_EMULATORS=1,
//! as in `.ci/run`, a skip is a failure.

#[path = "../conformance/mod.rs"]
mod body;
mod cli;
mod differences;
mod here;
mod localstack;
mod ministack;
