//! Opening a connection to one of the addresses of an answer.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::region::Place;
use crate::target::{Connection, Internet, SendError};

/// How long one address is tried before the next joins in: the Connection Attempt Delay of RFC 8305, section 8.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

pub type Opened = Result<(Ipv4Addr, Arc<dyn Connection>), SendError>;

/// Tries the addresses one after the other, each some time after the one before it or as soon as that has failed. The
/// first to connect wins.
pub async fn race(internet: &dyn Internet, place: Place, host: &str, addresses: &[Ipv4Addr]) -> Opened {
    let mut waiting = addresses.iter().copied();
    let mut trying = FuturesUnordered::new();
    let mut failed = SendError::NoRoute;
    loop {
        if let Some(address) = waiting.next() {
            trying.push(async move { Ok((address, internet.connect(place, address, host).await?)) });
        }
        if trying.is_empty() {
            return Err(failed);
        }
        tokio::select! {
            biased;
            Some(done) = trying.next() => match done {
                Ok(opened) => return Ok(opened),
                Err(error) => failed = error,
            },
            () = tokio::time::sleep(ATTEMPT_DELAY), if waiting.len() > 0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::future::BoxFuture;
    use tokio::time::Instant;

    use super::*;
    use crate::region::Region;
    use crate::target::{Lookup, Resolver};

    /// 10.0.0.1 never answers, 10.0.0.2 refuses after 20 ms, any other connects after as many milliseconds as its last
    /// number says.
    struct Lines;

    struct Line;

    impl Connection for Line {
        fn send(&self, _: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, SendError>> {
            Box::pin(async { Ok(http::Response::new(Bytes::new())) })
        }
    }

    impl Internet for Lines {
        fn resolver(&self, _: Place) -> Arc<dyn Resolver> {
            unreachable!("nothing is resolved here")
        }

        fn authoritative<'a>(&'a self, _: Place, _: &'a str) -> BoxFuture<'a, Lookup> {
            Box::pin(async { Lookup::default() })
        }

        fn region_of(&self, _: Ipv4Addr) -> Option<Region> {
            None
        }

        fn connect<'a>(
            &'a self,
            _: Place,
            address: Ipv4Addr,
            _: &'a str,
        ) -> BoxFuture<'a, Result<Arc<dyn Connection>, SendError>> {
            Box::pin(async move {
                match address.octets()[3] {
                    1 => std::future::pending().await,
                    2 => {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        Err(SendError::Refused)
                    }
                    ms => {
                        tokio::time::sleep(Duration::from_millis(ms.into())).await;
                        Ok(Arc::new(Line) as Arc<dyn Connection>)
                    }
                }
            })
        }
    }

    async fn raced(last: &[u8]) -> (Result<u8, SendError>, u128) {
        let addresses: Vec<Ipv4Addr> = last.iter().map(|last| Ipv4Addr::new(10, 0, 0, *last)).collect();
        let began = Instant::now();
        let place = Place::parse("europe").unwrap();
        let won = race(&Lines, place, "host", &addresses).await.map(|(address, _)| address.octets()[3]);
        (won, began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_address_joins_in_after_a_quarter_of_a_second_or_a_failure() {
        assert_eq!(raced(&[30, 40]).await, (Ok(30), 30));
        assert_eq!(raced(&[1, 40]).await, (Ok(40), 290));
        assert_eq!(raced(&[1, 1, 40]).await, (Ok(40), 540));
        assert_eq!(raced(&[2, 40]).await, (Ok(40), 60));
        assert_eq!(raced(&[2, 2]).await, (Err(SendError::Refused), 40));
        assert_eq!(raced(&[]).await, (Err(SendError::NoRoute), 0));
    }
}
