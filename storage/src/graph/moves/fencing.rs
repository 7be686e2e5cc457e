//! Raising, renewing and lowering the fence of a graph.

use std::time::Duration;

use crate::{
    error::Result,
    graph::{
        catalog::{fence::Fenced, graph::Graph},
        error::GraphError,
        moves::{outcome::MoveOutcome, step::check_move_id},
        store::GraphStore,
    },
    limits,
};

impl GraphStore {
    /// Refuses writes of `graph` for `lease` with [`GraphError::Moving`]: its newest sequence number stays as long as the
    /// fence stands. Renew it before it ends; [`crate::graph::MAX_PAUSE`] is the longest. Not stored.
    ///
    /// # Errors
    /// As [`GraphStore::graph`]; [`GraphError::MoveConflict`] while another move has done so, or when this one is done here;
    /// [`GraphError::MoveAborted`].
    pub fn fence(&self, graph: &str, move_id: &str, to: &str, lease: Duration) -> Result<Fenced, GraphError> {
        check_move_id(graph, move_id)?;
        limits::check_name("endpoint", to)?;
        let _one_at_a_time = self.commits.lock();
        match self.move_record(move_id)?.map(|record| record.outcome) {
            None => {}
            Some(MoveOutcome::Refused) => return Err(GraphError::aborted(graph, move_id)),
            // A fence that comes late must not stop the writes of what is done.
            Some(MoveOutcome::Departed | MoveOutcome::Admitted) => {
                return Err(GraphError::conflict(graph, format!("move {move_id} is done here")));
            }
        }
        let found = self.graph(graph)?;
        let token = found.fence().raise(graph, move_id, to, lease, self.leases.now())?;
        let (graph_id, epoch, sequence) = (found.id().number(), found.epoch(), found.counters().sequence);
        Ok(Fenced { token, graph_id, epoch, sequence })
    }

    /// Lets the fence of `token` stand for `lease` from now on.
    ///
    /// # Errors
    /// [`GraphError::GraphNotFound`]; [`GraphError::Overtaken`] when it stands no more.
    pub fn renew_fence(&self, graph: &str, token: u64, lease: Duration) -> Result<(), GraphError> {
        let found = self.graph_in_any_state(graph)?;
        found.fence().renew(graph, token, lease, self.leases.now())
    }

    /// Lets writes of `graph` through again that the fence of `token` stops.
    pub fn unfence(&self, graph: &str, token: u64) {
        if let Some(found) = self.lookup(graph) {
            found.fence().lower(token);
        }
    }

    /// The move that stops the writes of `graph` at the moment, and where it goes.
    pub fn fenced_by(&self, graph: &Graph) -> Option<(String, String)> {
        graph.fence().raised_by(self.leases.now())
    }

    /// What a write of the graph is answered because it is about to move, if it is ([`GraphError::Moving`]).
    pub fn held_up(&self, graph: &str) -> Option<GraphError> {
        let found = self.lookup(graph).filter(|graph| graph.is_served())?;
        found.fence().check(graph, &self.leases).err()
    }

    /// Has leases see the time so much further on, for tests of what happens when they lapse.
    pub fn advance_leases(&self, by: Duration) {
        self.leases.advance(by);
    }
}
