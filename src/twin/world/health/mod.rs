//! Route 53's health checkers: several places, an interval, a threshold, a quorum.

use std::sync::Arc;

use crate::seed::Seed;
use crate::twin::Cloud;

pub struct HealthCheckers;

impl HealthCheckers {
    pub fn new(_seed: Seed) -> Self {
        Self
    }

    /// Whether DNS takes the endpoint of this health check for healthy right now.
    pub fn is_healthy(&self, _health_check_id: &str) -> bool {
        true
    }
}

/// Starts the checkers.
pub fn start(_cloud: &Arc<Cloud>) {}
