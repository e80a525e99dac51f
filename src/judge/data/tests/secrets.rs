//! Which version of the secret was served, and when the backend took it.

use super::*;
use crate::history::OperationAction;

fn served(story: &mut Story, region: Region, version: &str, missed_ms: Option<u64>, at_ms: u64) {
    let (version, digest) = (version.to_owned(), format!("digest of {version}"));
    story.tell(at_ms, Event::SecretServed { region, version, digest, missed_us: missed_ms.map(|ms| ms * 1_000) });
}

fn accepts(story: &mut Story, at_ms: u64, versions: &[&str]) {
    story.tell(at_ms, Event::Backend { accepts: versions.iter().map(|version| version.to_string()).collect() });
}

/// A rotation from v1 to v2; the second Region follows at `follows_ms`.
fn story(follows_ms: Option<u64>) -> Story {
    let mut story = Story::of(Store::Secret);
    accepts(&mut story, 500, &["v1"]);
    served(&mut story, US, "v1", None, 1_000);
    served(&mut story, EU, "v1", None, 1_000);
    let operation = |action, version: Option<&str>| Event::Operation {
        operation: "rotate-1".into(),
        kind: "rotate-secret".into(),
        action,
        version: version.map(str::to_owned),
        what: String::new(),
    };
    story.tell(10_000, operation(OperationAction::Started, None));
    accepts(&mut story, 11_000, &["v1", "v2"]);
    served(&mut story, US, "v2", Some(11_000), 12_000);
    story.tell(12_500, operation(OperationAction::Finished, Some("v2")));
    if let Some(ms) = follows_ms {
        served(&mut story, EU, "v2", Some(ms - 1_000), ms);
    }
    story.tell(60_000, Event::Phase { phase: PhaseName::Reconcile });
    story
}

#[test]
fn regions_agree_when_the_last_one_serves_the_new_version() {
    let within = |seconds| Check::SecretsAgreeWithin { within: Duration::from_secs(seconds) };
    let (verdict, measured, why) = story(Some(15_000)).claim(within(3));
    assert_eq!((verdict, measured), (Outcome::Pass, Some(3.0)));
    assert_eq!(why, "rotate-1: eu-west-1 was the last to serve it");
    assert_eq!(story(Some(15_000)).claim(within(2)).0, Outcome::Fail);
    let (verdict, _, why) = story(None).claim(within(60));
    assert_eq!((verdict, why.as_str()), (Outcome::Fail, "rotate-1: eu-west-1 never served it"));
    assert_eq!(Story::of(Store::Secret).claim(within(3)).0, Outcome::Inconclusive);
    let lags = story(Some(15_000)).judged([]).replication.secrets;
    assert_eq!((lags[0].from, lags[0].to, lags[0].samples, lags[0].worst_ms), (US, EU, 1, Some(4_000)));
}

#[test]
fn a_version_that_the_backend_does_not_take_is_a_window() {
    let at_most = |seconds| Check::RejectedSecretAtMost { at_most: Duration::from_secs(seconds) };
    assert_eq!(story(Some(15_000)).claim(at_most(0)).0, Outcome::Pass);
    let revoked = || {
        let mut story = story(Some(25_000));
        accepts(&mut story, 20_000, &["v2"]);
        story
    };
    let (verdict, measured, why) = revoked().claim(at_most(4));
    assert_eq!((verdict, measured), (Outcome::Fail, Some(5.0)));
    assert_eq!(why, "eu-west-1 served version v1, which the backend rejected, from 00:00:20.000");
    assert_eq!(revoked().claim(at_most(5)).0, Outcome::Pass);
    // Accepted again for a while: two windows.
    let mut twice = revoked();
    accepts(&mut twice, 21_000, &["v1", "v2"]);
    accepts(&mut twice, 23_000, &["v2"]);
    let windows = twice.judged([]).secrets.unwrap().rejected;
    assert_eq!(windows.iter().map(|seen| seen.lasted_ms).collect::<Vec<_>>(), [1_000, 2_000]);
    let mut blind = Story::of(Store::Secret);
    served(&mut blind, US, "v1", None, 1_000);
    assert_eq!(blind.claim(at_most(0)).2, "nobody saw which versions the backend accepts");
}

#[test]
fn a_missing_piece_found_before_the_fault_fails_the_run() {
    let tried = |ok: bool| {
        let mut story = story(Some(15_000));
        let what = "the table orders has no replica in eu-west-1".to_owned();
        let check = "table-replicas".to_owned();
        story.tell(100, Event::Preflight { check, region: Some(EU), ok, what, took_us: 1 });
        story.judged([Check::RejectedSecretAtMost { at_most: Duration::ZERO }])
    };
    assert_eq!(tried(true).assertions[0].verdict, Outcome::Pass);
    let unfit = tried(false);
    assert_eq!((unfit.verdict, unfit.preflight.len()), (Outcome::Fail, 1));
    assert_ne!(tried(true).verdict, Outcome::Fail);
}
