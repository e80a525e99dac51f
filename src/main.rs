//! Parses and hands over.

use std::process::ExitCode;

use blackstart::cli::{self, Console, Engine};

fn main() -> ExitCode {
    cli::main(std::env::args_os(), &mut Console::standard(), &Engine::BUILT_IN).into()
}
