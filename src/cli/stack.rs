//! `blackstart up`, `down` and `status`. The embedded twin lives only as long as the process, and says so.

use super::args::UpArgs;
use super::{Console, Engine, Stop, exit};
use crate::scenario::Plan;

const EPHEMERAL: &str = "The embedded twin lives in the process that runs it: ";

pub(crate) fn up(args: &UpArgs, console: &mut Console, engine: &Engine) -> Result<u8, Stop> {
    let mut plan = Plan::default();
    plan.target.name = args.target.as_str().to_owned();
    plan.target.stack = args.stack.clone();
    let stacks = (engine.up)(&plan)?;
    for stack in &stacks {
        let took = stack.took_ms as f64 / 1_000.0;
        console.print(&format!("{} in {}, {took:.1} s simulated\n", stack.stack, stack.region));
        for (name, value) in &stack.outputs {
            console.print(&format!("  {name} = {value}\n"));
        }
    }
    let took: u64 = stacks.iter().map(|stack| stack.took_ms).sum();
    console.print(&format!("{} stacks deployed in {:.1} s simulated\n", stacks.len(), took as f64 / 1_000.0));
    console.complain(&format!("{EPHEMERAL}with this command it is gone. `blackstart run` deploys its own.\n"));
    Ok(exit::PASS)
}

pub(crate) fn down(console: &Console) -> u8 {
    console.complain(&format!("{EPHEMERAL}nothing is left to take down.\n"));
    exit::PASS
}

pub(crate) fn status(console: &mut Console) -> u8 {
    console.print("embedded: nothing deployed\n");
    console.complain(&format!("{EPHEMERAL}between commands there is none.\n"));
    exit::PASS
}
