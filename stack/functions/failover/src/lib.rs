//! Guards one Region from the other: when the guarded Region's alarm says that its users fail, all traffic goes to
//! the other Region, and comes back when the guarded one has been healthy for a while.
//!
//! ```text
//! alarm ─→ event ─→ guard ─┬ ALARM of the failover alarm ─→ failover ─┐
//!                          └ OK of the recovery alarm ───→ failback ──┴→ dns (one atomic change), health (GETs)
//! ```
//!
//! What it never does: leave both Regions off. It refuses to move traffic onto a Region that is unhealthy or was
//! itself pointed away (and ends in an error, so that Lambda asks again in one and in three minutes), and every change
//! asserts, in the same atomic batch, that both records are still as they were read. So of two guards that act at once,
//! one loses and looks again, and a weight that somebody else shifts is never set back.
//!
//! Every decision is one JSON line of the log. `main.rs` runs it on AWS, the embedded twin calls it in-process.

mod config;
mod dns;
mod error;
mod event;
mod failback;
mod guard;
mod health;
mod log;
mod route53;

pub use config::{Config, ConfigError};
pub use dns::{Change, Dns, DnsError, Plan, Records};
pub use error::Error;
pub use guard::Guard;
pub use health::{Health, HttpHealth};
pub use log::Log;
pub use route53::Route53;

#[cfg(test)]
mod tests;

/// A future behind a seam.
pub type Pending<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
