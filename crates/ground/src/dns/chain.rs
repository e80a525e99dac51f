//! A name followed through CNAMEs to its addresses.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::answer::{Data, Link};

/// How many names a chain may have; a loop of CNAMEs ends here, as it does in every resolver.
const CHAIN_MAX: usize = 16;

/// What a name resolved to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The names followed, from the one asked for to the one that has addresses.
    pub chain: Vec<String>,
    pub addresses: Vec<Ipv4Addr>,
    /// How long it may be kept: the smallest TTL on the way. What is left of it, where it came from a cache.
    pub ttl: Duration,
    pub from_cache: bool,
}

impl Answer {
    /// Adds the next link of the chain, which may be kept for `left`; the name to ask for next, if it does not end here.
    pub fn follow(&mut self, name: &str, link: &Link, left: Duration) -> Option<String> {
        self.ttl = if self.chain.is_empty() { left } else { self.ttl.min(left) };
        self.chain.push(name.to_owned());
        self.chain.extend(link.via.iter().cloned());
        match &link.data {
            Data::Addresses(addresses) => self.addresses.clone_from(addresses),
            Data::Cname(target) if self.chain.len() < CHAIN_MAX => return Some(target.clone()),
            _ => {}
        }
        None
    }
}
