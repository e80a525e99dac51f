//! The licences of everything linked in, against the list of deny.toml.

use std::process::Command;

#[test]
fn every_dependency_has_an_allowed_licence() {
    let root = env!("CARGO_MANIFEST_DIR");
    let deny = std::fs::read_to_string(format!("{root}/deny.toml")).unwrap();
    let list = deny.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    let allowed: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
    assert!(allowed.contains(&"MIT") && !allowed.iter().any(|name| name.starts_with("AGPL")));

    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    // This platform's packages alone: a build has downloaded no others, and the test asks no network.
    let version = Command::new(&cargo).arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform", host])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 100, "only {} packages", packages.len());
    let refused: Vec<String> = packages
        .iter()
        .filter(|package| !permits(package["license"].as_str().unwrap_or_default(), &allowed))
        .map(|package| format!("{} {}", package["name"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

/// Whether an SPDX expression can be met by allowed licences: OR offers, AND demands.
fn permits(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    let clauses = expression.split(" AND ");
    clauses.into_iter().all(|clause| clause.split(" OR ").any(|name| allowed.contains(&name.trim())))
}

#[test]
fn an_expression_is_met_by_one_side_of_or_and_both_sides_of_and() {
    let allowed = ["MIT", "ISC"];
    assert!(permits("MIT OR GPL-3.0", &allowed));
    assert!(permits("(MIT OR Apache-2.0) AND ISC", &allowed));
    assert!(!permits("MIT AND AGPL-3.0", &allowed));
    assert!(!permits("", &allowed));
}
