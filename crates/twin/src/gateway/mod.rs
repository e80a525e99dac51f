//! The front door: unmodified SDK clients come in through [`connector`], the SigV4 scope says which service of
//! which Region they want, and the service's answer leaves in its own wire protocol.
//!
//! Service endpoints only; users' traffic to the deployed API enters through [`crate::world::network`].

mod call;
mod connector;
mod route;

pub use call::{Call, Credentials, Principal};
pub use connector::{TwinHttpClient, provider, sdk_config};
pub use route::{handle, is_signed};
