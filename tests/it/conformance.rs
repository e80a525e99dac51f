//! The twin, held against what AWS documents; the containers' tests hold the same body against others.

#[path = "../conformance/mod.rs"]
mod body;

use blackstart::region::Region;
use blackstart::seed::Seed;
use blackstart::target::embedded::{Embedded, in_virtual_time};

#[test]
fn the_twin_does_what_aws_documents() {
    let found = in_virtual_time(|| async {
        let twin = Embedded::start(Seed(7), &[Region::US_EAST_1, Region::EU_WEST_1]);
        body::differences(&twin).await
    });
    let found = found.unwrap().blocking_recv().unwrap();
    assert_eq!(found, Vec::new());
}
