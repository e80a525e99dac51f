//! The binary that is packaged as `bootstrap`.

use std::process::Command;

#[test]
fn without_its_variables_it_says_which_one_is_missing_and_ends() {
    let ran = Command::new(env!("CARGO_BIN_EXE_orders")).env_clear().output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(!ran.status.success() && said.contains("AWS_REGION"), "{}: {said}", ran.status);
}
