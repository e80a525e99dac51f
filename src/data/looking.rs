//! Looks that can fail: how long one may take, and how a streak of failures is told once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::history::{Event, Recorder};
use crate::region::Region;

/// A look that takes longer was in vain: a Region that hangs must not keep others from being looked at.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Makes one look, or gives up.
pub async fn look<T>(call: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::time::timeout(TIMEOUT, call).await.unwrap_or_else(|_| Err("timed out".to_owned()))
}

/// Waits until the next look is due; true where it was told to stop instead.
pub async fn stopped(stop: &mut watch::Receiver<bool>, interval: Duration) -> bool {
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => true,
        () = tokio::time::sleep(interval) => false,
    }
}

/// The looks of one stage at one Region: blind ones are trouble, told once for each streak.
pub struct Streak {
    stage: &'static str,
    region: Region,
    failing: AtomicBool,
}

impl Streak {
    pub fn new(stage: &'static str, region: Region) -> Self {
        Self { stage, region, failing: AtomicBool::new(false) }
    }

    /// What was seen; nothing where the look was blind.
    pub fn note<T>(&self, recorder: &Recorder, looked: Result<T, String>) -> Option<T> {
        let failed = looked.is_err();
        let before = self.failing.swap(failed, Ordering::Relaxed);
        match looked {
            Ok(seen) => Some(seen),
            Err(what) => {
                if !before {
                    let what = format!("{}: {what}", self.region);
                    recorder.record(Event::Trouble { stage: self.stage.to_owned(), what });
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::data::testing;

    #[tokio::test(start_paused = true)]
    async fn a_streak_of_blind_looks_is_told_once() {
        let (recorder, history) = testing::recorder(Clock::starting_at(Clock::EMBEDDED_EPOCH));
        let streak = Streak::new("probe", Region::EU_WEST_1);
        for looked in [Ok(1), Err("down"), Err("down"), Ok(2), Err("gone")] {
            streak.note(&recorder, looked.map_err(str::to_owned));
        }
        let hung = look(std::future::pending::<Result<(), String>>()).await;
        assert_eq!(hung, Err("timed out".to_owned()));
        let told: Vec<String> = history.take().into_iter().filter_map(testing::trouble).collect();
        assert_eq!(told, ["probe: eu-west-1: down", "probe: eu-west-1: gone"]);
    }
}
