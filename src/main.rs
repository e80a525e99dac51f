//! Parses and hands over.
fn main() {}
