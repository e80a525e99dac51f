//! The import table of ARCHITECTURE.md, held against the sources: who may `use crate::…` whom.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Modules everybody may import: they import none of ours beside each other.
const GROUND: &[&str] = &["arrivals", "capability", "clock", "dns", "region", "rest", "seed", "store", "wait"];

/// Who may import what, beside the ground and itself.
const TABLE: &[(&str, &[&str])] = &[
    ("arrivals", &[]),
    ("capability", &[]),
    ("clock", &[]),
    ("dns", &[]),
    ("region", &[]),
    ("rest", &[]),
    ("seed", &[]),
    ("store", &[]),
    ("wait", &[]),
    ("scenario", &[]),
    ("history", &[]),
    ("twin", &[]),
    ("target", &["scenario", "twin"]),
    ("deploy", &["scenario", "history", "target"]),
    ("traffic", &["scenario", "history", "target"]),
    ("fault", &["scenario", "history", "target"]),
    ("probe", &["scenario", "history", "target"]),
    ("shift", &["scenario", "history", "target"]),
    ("data", &["scenario", "history", "target"]),
    ("survey", &["history", "target"]),
    ("judge", &["scenario", "history"]),
    ("report", &["scenario", "history", "judge"]),
    (
        "run",
        &["scenario", "history", "target", "deploy", "traffic", "fault", "probe", "shift", "data", "survey", "judge"],
    ),
    ("cli", &["scenario", "history", "target", "deploy", "judge", "report", "run"]),
    ("steps", &["scenario", "history", "judge", "report", "run", "cli"]),
];

/// Crates that only some modules may name.
const CRATES: &[(&str, &[&str])] = &[
    // The twin's own tests drive it through the SDK; its connector and adapters are built on the SDK's types.
    ("aws_sdk_", &["twin", "target", "deploy", "fault", "probe", "shift", "data", "survey", "run"]),
    (
        "tokio",
        &["clock", "wait", "twin", "target", "deploy", "traffic", "fault", "probe", "data", "survey", "run", "steps"],
    ),
    // Of a target, the certificates it trusts.
    ("std::fs", &["history", "scenario", "deploy", "survey", "target", "cli", "report", "steps"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Every source file of the harness, its ground and its twin, by the module it belongs to.
fn modules() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut modules: BTreeMap<String, Vec<(PathBuf, String)>> = BTreeMap::new();
    let folders =
        [("src", None), ("crates/ground/src", None), ("crates/twin/src", Some("twin")), ("steps", Some("steps"))];
    for (folder, module) in folders {
        let folder = root.join(folder);
        for path in sources(&folder) {
            let first = path.strip_prefix(&folder).unwrap().components().next().unwrap();
            let own = first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
            let name = module.map_or(own, str::to_owned);
            let text = std::fs::read_to_string(&path).unwrap();
            // A file's tests, which stand last, may reach further than its code.
            let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
            modules.entry(name).or_default().push((path, code));
        }
    }
    modules.remove("lib");
    modules.remove("main");
    modules
}

fn imported(code: &str) -> impl Iterator<Item = &str> {
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1)).filter_map(|rest| {
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        (end > 0).then_some(&rest[..end])
    })
}

#[test]
fn every_module_imports_only_what_the_table_allows() {
    let modules = modules();
    let names: Vec<&str> = modules.keys().map(String::as_str).collect();
    let mut wrong = Vec::new();
    for (module, files) in &modules {
        let Some((_, allowed)) = TABLE.iter().find(|(name, _)| name == module) else {
            panic!("module {module} is not in the import table");
        };
        for (path, code) in files {
            // `twin` is for target/embedded.rs and the adapters of the linked functions alone.
            let embedded = path.ends_with("target/embedded.rs") || path.ends_with("target/functions.rs");
            for name in imported(code).filter(|name| names.contains(name)) {
                let twin = name == "twin" && module == "target" && !embedded;
                let fine = name == module || GROUND.contains(&name) || allowed.contains(&name);
                if !fine || twin {
                    wrong.push(format!("{} imports {name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn some_crates_have_few_homes() {
    let mut wrong = Vec::new();
    for (module, files) in modules() {
        for (path, code) in &files {
            for (name, homes) in CRATES {
                let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
                if !homes.contains(&module.as_str()) && code.clone().any(|line| line.contains(name)) {
                    wrong.push(format!("{} uses {name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
