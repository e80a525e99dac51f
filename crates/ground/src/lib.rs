//! What the harness and its twin of AWS both stand on: time, randomness, geography, what replicates, which operation a REST
//! request names, and what Route 53 answers. Nothing here knows the twin or the harness.

pub mod clock;
pub mod dns;
pub mod region;
pub mod rest;
pub mod seed;
pub mod store;
