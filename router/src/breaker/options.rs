//! When a breaker opens, and for how long.

use std::time::Duration;

use epistemic_protocol::ConfigError;

use crate::settings;

/// Limits of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerOptions {
    /// Consecutive failures that open it. 5; 0 never opens it.
    pub threshold: u32,
    /// From its opening to the first probe, and from each failed probe to the next. 15 s.
    pub cooldown: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self { threshold: 5, cooldown: Duration::from_secs(15) }
    }
}

impl BreakerOptions {
    /// The defaults, replaced by `ENGINE_BREAKER_THRESHOLD` and `ENGINE_BREAKER_COOLDOWN` (seconds) read through
    /// `lookup`. Empty values count as unset.
    ///
    /// # Errors
    /// [`ConfigError::Setting`] for a threshold that is no whole number, or a cooldown that is no time.
    pub fn resolve(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let default = Self::default();
        let threshold = settings::number(lookup, "ENGINE_BREAKER_THRESHOLD")?.unwrap_or(default.threshold);
        let cooldown = settings::seconds(lookup, "ENGINE_BREAKER_COOLDOWN")?.unwrap_or(default.cooldown);
        Ok(Self { threshold, cooldown })
    }
}
