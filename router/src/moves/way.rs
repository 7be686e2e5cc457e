//! What one call does about graphs that are being moved, or were: it waits while they take no writes and, if the router is
//! told to, follows them. Both only after answers that say that nothing was done, so any operation may be sent again.

use std::collections::HashMap;
use std::time::Duration;

use epistemic_protocol::{ErrorCode, placement::Endpoint};

use super::backoff::Backoff;
use super::trail::{Step, Trail};
use crate::client::FOLLOW_TO_VAR;
use crate::error::RouterError;
use crate::router::ShardRouter;

/// The way of one call, from its start to its deadline.
#[derive(Debug)]
pub(crate) struct Way<'a> {
    router: &'a ShardRouter,
    /// The graphs that the call is about.
    graphs: &'a [&'a str],
    left: Duration,
    backoff: Backoff,
    /// Graphs that were not where they were looked for.
    found: HashMap<&'a str, Found>,
}

#[derive(Debug)]
struct Found {
    place: Endpoint,
    trail: Trail,
}

impl<'a> Way<'a> {
    /// A call on these graphs that may take `after`.
    pub(crate) fn new(router: &'a ShardRouter, graphs: &'a [&'a str], after: Duration) -> Self {
        Self { router, graphs, left: after, backoff: Backoff::new(after), found: HashMap::new() }
    }

    /// Which shard to ask for the graph.
    pub(crate) fn place(&self, graph: &str) -> Endpoint {
        self.found.get(graph).map_or_else(|| self.router.place(graph), |found| found.place.clone())
    }

    /// What is left of the time.
    pub(crate) fn left(&self) -> Duration {
        self.left
    }

    /// Whether the call is to be sent again, to where [`Way::place`] says now. Waits before that if it has to.
    pub(crate) async fn goes_on<T>(&mut self, result: &Result<T, RouterError>) -> bool {
        let again = match result {
            Ok(_) => false,
            Err(error) if error.code() == ErrorCode::Moving => self.wait().await,
            Err(error) => self.follow(error).await,
        };
        if again {
            self.left = self.backoff.left();
        } else {
            self.learn(result.as_ref().err());
        }
        again
    }

    async fn wait(&mut self) -> bool {
        let waited = self.backoff.pause().await;
        if waited {
            self.router.moves().counters.waited();
        }
        waited
    }

    async fn follow(&mut self, error: &RouterError) -> bool {
        if !self.router.options().follow_moves {
            return false;
        }
        let Some(redirect) = error.redirect() else { return false };
        // What is said of other graphs than those asked for leads nowhere.
        let Some(graph) = self.graphs.iter().copied().find(|graph| *graph == redirect.graph()) else {
            return false;
        };
        let (here, next) = (self.place(graph), redirect.served_by());
        if !self.router.may_follow_to(next) {
            tracing::warn!(
                graph, from = %here, to = %next,
                "not following a graph to an endpoint that is neither in the list nor in {FOLLOW_TO_VAR}"
            );
            return false;
        }
        let found = self.found.entry(graph);
        let found = found.or_insert_with(|| Found { place: here.clone(), trail: Trail::default() });
        let Some(step) = found.trail.follow(&here, &redirect) else { return false };
        if !self.router.has_pool(next) {
            return false;
        }
        found.place = next.clone();
        tracing::info!(graph, from = %here, to = %next, "following a graph that moved: update the endpoint list");
        self.router.moves().counters.followed();
        match step {
            Step::Go => true,
            Step::WaitAndGo => self.wait().await,
        }
    }

    /// Remembers for later calls where the graphs were found, and forgets where they are no more. A shard that cannot be
    /// reached says neither.
    fn learn(&self, error: Option<&RouterError>) {
        let places = &self.router.moves().places;
        if error.is_some_and(|error| error.redirect().is_some() || error.code() == ErrorCode::WrongShard) {
            self.graphs.iter().for_each(|graph| places.forget(graph));
        } else if matches!(error, None | Some(RouterError::Call(_))) {
            for (graph, Found { place, .. }) in &self.found {
                if place == self.router.owner(graph) {
                    places.forget(graph);
                } else {
                    places.learn(graph, place);
                }
            }
        }
    }
}
