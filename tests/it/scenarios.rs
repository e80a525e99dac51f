//! The shipped game days: each is valid, and named as its file.

use std::path::Path;

use blackstart::scenario;

#[test]
fn every_shipped_scenario_is_valid_and_named_as_its_file() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let plan = scenario::load(&file).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(file.file_stem().unwrap().to_str(), Some(plan.scenario.as_str()));
        seen += 1;
    }
    assert!(seen >= 3, "{seen} scenarios");
}
