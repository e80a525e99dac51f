//! How a target can be broken: by its injector, or, where that has no means, by its own API.

use super::{Breakage, Mode, Target};

/// How a target can be broken so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By its injector.
    Injector,
    /// By reserved concurrency 0 of the application's functions.
    Throttle,
}

/// How this target can be broken so, or why it cannot.
pub fn way(target: &dyn Target, breakage: &Breakage) -> Result<Way, String> {
    match target.injector().can(breakage) {
        Ok(()) => Ok(Way::Injector),
        Err(_) if target.throttles_functions() && is_throttling(breakage) => Ok(Way::Throttle),
        Err(why) => Err(why),
    }
}

/// Whether functions without concurrency show themselves so.
pub fn is_throttling(breakage: &Breakage) -> bool {
    matches!(breakage, Breakage::Application { mode: Mode::Errors, .. })
}
