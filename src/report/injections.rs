//! What faults did to the requests that met them, in sentences.

use super::figures::{clock, count};
use crate::judge::{InjectionSeen, Verdict};

pub fn sentences(verdict: &Verdict) -> Vec<String> {
    verdict.injections.iter().map(sentence).collect()
}

fn sentence(seen: &InjectionSeen) -> String {
    let InjectionSeen { fault, place, effect, matched, fired, resets, .. } = seen;
    let mut text = match matched {
        // A closed port meets no request.
        0 if *fired > 0 => format!("{fault}: {effect} to all requests of {place}"),
        _ => format!("{fault}: {effect} to {} of {} requests of {place}", count(*fired), count(*matched)),
    };
    if *resets > 0 {
        text.push_str(&format!(", {} open connections reset", count(*resets)));
    }
    if let Some((first, last)) = seen.first_at_ms.zip(seen.last_at_ms) {
        text.push_str(&format!(", from {} to {}", clock(first), clock(last)));
    }
    if let Some(first) = seen.samples.first() {
        text.push_str(&format!(", the first {first}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> InjectionSeen {
        InjectionSeen {
            fault: "region-outage-1".to_owned(),
            place: "users".to_owned(),
            effect: "500 InternalServerErrorException".to_owned(),
            matched: 1_204,
            fired: 1_204,
            resets: 0,
            first_at_ms: Some(61_000),
            last_at_ms: Some(80_000),
            samples: vec!["us-east-1 GET /whoami".to_owned()],
        }
    }

    #[test]
    fn what_was_done_to_whom_is_one_sentence() {
        assert_eq!(
            sentence(&seen()),
            "region-outage-1: 500 InternalServerErrorException to 1,204 of 1,204 requests of users, from 00:01:01 to \
             00:01:20, the first us-east-1 GET /whoami"
        );
        let refused = InjectionSeen { effect: "refusal".to_owned(), matched: 0, fired: 1, resets: 3, ..seen() };
        let refused = InjectionSeen { samples: Vec::new(), last_at_ms: None, ..refused };
        assert_eq!(sentence(&refused), "region-outage-1: refusal to all requests of users, 3 open connections reset");
        let nobody = InjectionSeen { matched: 0, fired: 0, ..refused };
        assert!(sentence(&InjectionSeen { resets: 0, ..nobody }).ends_with("to 0 of 0 requests of users"));
    }
}
