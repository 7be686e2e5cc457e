//! One breaker per endpoint text and process, as placement goes by the text too.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use epistemic_protocol::placement::Endpoint;
use parking_lot::Mutex;

use super::{Breaker, BreakerOptions, BreakerState};

static BREAKERS: LazyLock<Mutex<HashMap<Endpoint, Arc<Breaker>>>> = LazyLock::new(Mutex::default);

pub(super) fn shared(endpoint: &Endpoint, options: BreakerOptions) -> Arc<Breaker> {
    let mut breakers = BREAKERS.lock();
    let new = || Arc::new(Breaker::new(endpoint.clone(), options));
    let breaker = Arc::clone(breakers.entry(endpoint.clone()).or_insert_with(new));
    drop(breakers);
    let used = breaker.machine.lock().options();
    if used != options {
        tracing::warn!(%endpoint, ?used, ignored = ?options, "this process has a breaker with other options");
    }
    breaker
}

/// The state of an endpoint's breaker; closed where nobody has called.
pub(crate) fn state_of(endpoint: &Endpoint) -> BreakerState {
    BREAKERS.lock().get(endpoint).map_or(BreakerState::Closed, |breaker| breaker.state())
}
