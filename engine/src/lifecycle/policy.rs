//! How confidence decays: exponentially with the time since the last access.

use epistemic_storage::properties;

/// How confidence decays, and what becomes of what has little left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decay {
    /// Seconds in which confidence halves; nothing decays unless it is above 0.
    pub(crate) half_life: f64,
    /// With `prune`, what has less confidence than this is removed.
    pub(crate) floor: f64,
    /// Whether anything is removed.
    pub(crate) prune: bool,
}

/// What becomes of a property map.
pub(super) enum Fate {
    Stays,
    Decays(Vec<u8>),
    Goes { decayed: bool },
}

impl Decay {
    pub(super) fn fate(&self, properties: &[u8], now: u64) -> Fate {
        let Some(fields) = properties::decay_fields(properties) else { return Fate::Stays };
        let confidence = fields.confidence.unwrap_or(1.0);
        let age = fields.last_seen.and_then(|seen| now.checked_sub(seen)).filter(|age| *age > 0);
        let decayed = age
            .filter(|_| self.half_life > 0.0)
            .map(|age| (confidence * 0.5_f64.powf(age as f64 / self.half_life)).clamp(0.0, 1.0));
        if self.prune && decayed.unwrap_or(confidence) < self.floor {
            return Fate::Goes { decayed: decayed.is_some() };
        }
        let refreshed =
            decayed.and_then(|confidence| properties::with_confidence(properties, confidence, now));
        refreshed.map_or(Fate::Stays, Fate::Decays)
    }
}
