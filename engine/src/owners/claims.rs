//! What this shard says of its names.

use epistemic_router::owners::{Asked, Claim, Local, Page, Stands};
use epistemic_storage::{
    GraphStore, StoreError,
    graph::{Graph, MigrationState, MoveOutcome, MoveRecord, MoveRole},
};

/// Names that one answer holds at most.
const MAX_CLAIMS: usize = 1_000;

/// Answers `GraphOwners`: the names that are asked for, with the time of their newest changes, or a page of all.
///
/// # Errors
/// The store fails.
pub(crate) fn page(
    graphs: &GraphStore,
    names: Option<&[&str]>,
    after: Option<&str>,
    all: bool,
) -> Result<Page, StoreError> {
    let Some(names) = names else {
        let entries = graphs.entries(after, MAX_CLAIMS, all);
        let claims = entries.graphs.iter().map(|graph| claim(graph)).collect();
        return Ok(Page { more: entries.more, graphs: claims });
    };
    let found = names.iter().filter_map(|name| graphs.graph_in_any_state(name).ok());
    let dated = |graph: std::sync::Arc<Graph>| match graphs.changed_ms(&graph) {
        Ok(changed_ms) => Ok(Claim { changed_ms, ..claim(&graph) }),
        // Damage must not hide who has the graph.
        Err(error) if error.is_corruption() => Ok(claim(&graph)),
        Err(error) => Err(error),
    };
    Ok(Page { more: false, graphs: found.map(dated).collect::<Result<_, _>>()? })
}

fn claim(graph: &Graph) -> Claim {
    let state = graph.counters();
    let mut claim = Claim {
        name: graph.name().to_string(),
        standing: Stands::Served,
        graph_id: graph.id().number(),
        epoch: graph.epoch(),
        sequence: state.sequence,
        nodes: state.nodes,
        edges: state.edges,
        changed_ms: None,
        move_id: None,
        to: None,
        dropped: false,
        superseded_by: graph.superseded().map(|other| other.by),
    };
    match graph.migration_state() {
        None => {}
        Some(MigrationState::Arriving { move_id, .. }) => {
            (claim.standing, claim.move_id) = (Stands::Arriving, Some(move_id));
        }
        Some(MigrationState::Moved(post)) => {
            claim.standing = Stands::Moved;
            (claim.move_id, claim.to, claim.dropped) = (Some(post.move_id), Some(post.to), post.dropped);
        }
    }
    claim
}

/// Whether the graph was served here from then on: it arrived, or was taken back when the move was given up.
fn came_to_serve(record: &MoveRecord) -> bool {
    matches!(
        (record.role, record.outcome),
        (_, MoveOutcome::Admitted) | (MoveRole::Source, MoveOutcome::Refused)
    )
}

/// The graphs of this process as one of those that are asked.
pub(super) struct Own<'s>(pub(super) &'s GraphStore);

impl Local for Own<'_> {
    fn page(&self, asked: &Asked<'_>) -> Result<Page, String> {
        let names: Option<Vec<&str>> = asked.names.map(|names| names.iter().map(String::as_str).collect());
        page(self.0, names.as_deref(), asked.after, asked.all).map_err(|error| error.to_string())
    }

    fn admitted(&self, move_ids: &[String]) -> Result<Vec<String>, String> {
        let mut admitted = Vec::new();
        for move_id in move_ids {
            let record = self.0.move_record(move_id).map_err(|error| error.to_string())?;
            admitted.extend(record.filter(came_to_serve).map(|_| move_id.clone()));
        }
        Ok(admitted)
    }
}
