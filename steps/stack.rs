//! The stack under test, as shipped or with something wrong in it.

use std::path::{Path, PathBuf};

use cucumber::{gherkin::Step, given};

use super::World;
use super::params::Span;
use crate::region;

/// A copy of the stack's directory that a scenario may change; removed with the scenario.
#[derive(Debug)]
pub struct StackCopy(PathBuf);

#[given(expr = "the shipped stack in {word} and {word}")]
fn shipped(world: &mut World, primary: String, other: String) {
    let parse = |name: &str| region::Region::parse(name).unwrap_or_else(|error| panic!("{error}"));
    world.plan.target.regions = vec![parse(&primary), parse(&other)];
    world.plan.target.stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
}

#[given(expr = "a record TTL of {duration}")]
fn record_ttl(world: &mut World, ttl: Span) {
    parameter(world, "RecordTtl", &ttl.0.as_secs().to_string());
}

#[given(expr = "the guard waits for {duration} of unbroken health before it fails back")]
fn stable_for(world: &mut World, stable: Span) {
    parameter(world, "StableSeconds", &stable.0.as_secs().to_string());
}

/// `lambda`, `health-check` or `both`.
#[given(expr = "the guard is {word}")]
fn guarded_by(world: &mut World, guard: String) {
    parameter(world, "Guard", &guard);
}

#[given(expr = "the secret is rotated by the strategy {word}")]
fn rotated_by(world: &mut World, strategy: String) {
    parameter(world, "RotationStrategy", &strategy);
}

#[given(expr = "a steady state of {duration}")]
fn steady(world: &mut World, duration: Span) {
    world.plan.steady_state.duration = duration.0;
}

/// The doc string holds the text as it stands, a line `=>`, and the text to stand there instead.
#[given(expr = "{word} changed")]
fn changed(world: &mut World, file: String, step: &Step) {
    let text = step.docstring.as_deref().unwrap_or_default().trim_matches('\n');
    let (find, replace) = text.split_once("=>").unwrap_or_else(|| panic!("the change has no =>"));
    edit(world, &file, find.trim_matches('\n'), replace.trim_matches('\n'));
}

/// Removes a resource of a template, and the outputs that refer to it.
#[given(expr = "{word} without {word}")]
fn without(world: &mut World, file: String, resource: String) {
    let shipped = world.plan.target.stack.join(&file);
    let text = std::fs::read_to_string(&shipped).unwrap_or_else(|error| panic!("{}: {error}", shipped.display()));
    let head = format!("  {resource}:");
    let block: Vec<&str> = text.lines().skip_while(|line| *line != head).collect();
    let more = block.iter().skip(1).take_while(|line| line.is_empty() || line.starts_with("   ")).count();
    edit(world, &file, &block[..=more].join("\n"), "");
    for line in
        text.lines().filter(|l| l.contains(&format!("!Ref {resource} ")) || l.contains(&format!("!GetAtt {resource}.")))
    {
        edit(world, &file, line, "");
    }
}

fn parameter(world: &mut World, name: &str, value: &str) {
    world.plan.target.parameters.insert(name.to_owned(), value.to_owned());
}

fn edit(world: &mut World, file: &str, find: &str, replace: &str) {
    let shipped = world.plan.target.stack.clone();
    let copy = world.stack.get_or_insert_with(|| StackCopy::of(&shipped));
    world.plan.target.stack = copy.0.clone();
    let path = copy.0.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text.contains(find), "{file} does not hold {find:?}");
    std::fs::write(&path, text.replace(find, replace)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

impl StackCopy {
    fn of(from: &Path) -> Self {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let to = std::env::temp_dir().join(format!("blackstart-stack-{}-{number}", std::process::id()));
        copy(from, &to).unwrap_or_else(|error| panic!("copying {}: {error}", from.display()));
        Self(to)
    }
}

impl Drop for StackCopy {
    fn drop(&mut self) {
        // Nothing can be done about a temporary folder that will not go.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
