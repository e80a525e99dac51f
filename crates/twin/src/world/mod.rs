//! What lies between and around the Regions, and what no emulator has: distance, names, health, faults.

pub mod dns;
pub mod faults;
pub mod health;
pub mod latency;
pub mod network;
