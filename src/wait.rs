//! Waiting for something to become true, to a deadline. The only loop around a sleep in the harness.

use std::time::Duration;

use tokio::time::Instant;

/// What a wait saw last when it gave up.
#[derive(Debug, thiserror::Error)]
#[error("gave up waiting for {what} after {}s: {last}", .waited.as_secs())]
pub struct GaveUp {
    pub what: String,
    pub waited: Duration,
    pub last: String,
}

/// One look at the thing waited for.
#[derive(Debug)]
pub enum Look<T> {
    Ready(T),
    /// Not yet, and what was seen instead.
    NotYet(String),
}

/// Looks every `interval` until it is ready or `deadline` has passed.
pub async fn until<T, E>(
    what: &str,
    deadline: Duration,
    interval: Duration,
    mut look: impl AsyncFnMut() -> Result<Look<T>, E>,
) -> Result<Result<T, GaveUp>, E> {
    let begun = Instant::now();
    loop {
        let last = match look().await? {
            Look::Ready(value) => return Ok(Ok(value)),
            Look::NotYet(last) => last,
        };
        if begun.elapsed() + interval > deadline {
            return Ok(Err(GaveUp { what: what.to_owned(), waited: begun.elapsed(), last }));
        }
        tokio::time::sleep(interval).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_wait_says_what_it_saw_last() {
        let gave_up = until("INSYNC", Duration::from_secs(60), Duration::from_secs(5), || async {
            Ok::<Look<()>, ()>(Look::NotYet("PENDING".to_owned()))
        })
        .await
        .unwrap()
        .unwrap_err();
        assert_eq!(gave_up.to_string(), "gave up waiting for INSYNC after 60s: PENDING");
    }
}
