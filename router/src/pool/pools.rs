//! The pools of a router.

use std::collections::HashMap;
use std::sync::Arc;

use epistemic_protocol::placement::{Endpoint, EndpointList};
use parking_lot::Mutex;

use super::Pool;
use crate::client::ConnectOptions;
use crate::secret::Secret;

/// Pools for endpoints outside of the list. They stay as long as the router does.
const MOST_OTHERS: usize = 64;

/// One pool for each endpoint of the list, and for those that graphs moved to.
#[derive(Debug)]
pub(crate) struct Pools {
    endpoints: Arc<EndpointList>,
    secret: Secret,
    options: ConnectOptions,
    listed: HashMap<Endpoint, Arc<Pool>>,
    others: Mutex<HashMap<Endpoint, Arc<Pool>>>,
}

impl Pools {
    /// Connects to nothing yet.
    pub(crate) fn new(endpoints: &Arc<EndpointList>, secret: Secret, options: ConnectOptions) -> Self {
        let pool = |endpoint: &Endpoint| {
            (endpoint.clone(), Arc::new(Pool::new(endpoint, endpoints, &secret, &options)))
        };
        let listed = endpoints.as_slice().iter().map(pool).collect();
        Self { endpoints: Arc::clone(endpoints), secret, options, listed, others: Mutex::default() }
    }

    /// The limits of all of them.
    pub(crate) fn options(&self) -> &ConnectOptions {
        &self.options
    }

    /// Whether the endpoint is in the list.
    pub(crate) fn are_for(&self, endpoint: &Endpoint) -> bool {
        self.listed.contains_key(endpoint)
    }

    /// The pool of any endpoint; nothing when there are too many outside of the list. No server is started for those.
    pub(crate) fn any(&self, endpoint: &Endpoint) -> Option<Arc<Pool>> {
        if let Some(pool) = self.listed.get(endpoint) {
            return Some(Arc::clone(pool));
        }
        let mut others = self.others.lock();
        if !others.contains_key(endpoint) && others.len() >= MOST_OTHERS {
            tracing::warn!(%endpoint, "graphs moved to too many endpoints outside of the list: update the list");
            return None;
        }
        let pool = others.entry(endpoint.clone()).or_insert_with(|| {
            let options = ConnectOptions { autostart: false, ..self.options.clone() };
            Arc::new(Pool::new(endpoint, &self.endpoints, &self.secret, &options))
        });
        Some(Arc::clone(pool))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_outside_of_the_list_are_made_once_and_have_a_bound() {
        let endpoints = Arc::new(EndpointList::parse("unix:///a,unix:///b").unwrap());
        let options = ConnectOptions { autostart: true, ..ConnectOptions::default() };
        let pools = Pools::new(&endpoints, Secret::none(), options);
        let place = |n| Endpoint::parse(&format!("unix:///{n}")).unwrap();
        let made: Vec<_> = (0..MOST_OTHERS).map(|n| pools.any(&place(n)).unwrap()).collect();
        assert!(pools.any(&place(MOST_OTHERS)).is_none());
        assert!(made.iter().enumerate().all(|(n, pool)| Arc::ptr_eq(pool, &pools.any(&place(n)).unwrap())));
        assert!(made.iter().all(|pool| !pool.options.autostart));
        let listed = pools.any(&endpoints.as_slice()[0]).unwrap();
        assert!(
            Arc::ptr_eq(&listed, &pools.any(&endpoints.as_slice()[0]).unwrap()) && listed.options.autostart
        );
        assert!(pools.are_for(&endpoints.as_slice()[1]) && !pools.are_for(&place(0)));
    }
}
