//! What moves and backups read: where graphs are, what moves came to, digests, and ledgers record by record.

use epistemic_storage::{
    graph::{Graph, GraphError, MigrationState, MoveRecord},
    snapshot::{content_digest_of, pack_ledger},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    arrivals::Progress,
    request::{error::OpError, service::ServiceCall},
    shard::Shard,
    transfer::TransferError,
    wire::{
        OrNone, bin_or_nil, encode, field_str, field_uint, json::value, some_text, some_texts, str_or_nil,
        text, text_or_nil,
    },
};

/// Bytes of records that one answer of `LedgerRead` holds at most, but for the last record.
const MAX_RECORDS: u64 = 8 << 20;
/// Graphs that one answer of `GraphHeads` has at most: their names may be long.
const MAX_HEADS: u64 = 1_000;
/// Rows that one answer of `MoveOutcomes` holds at most, and when it is not said how many.
const MAX_OUTCOMES: usize = 10_000;

/// `MoveLook`, `MoveDrop`, `MoveReturn`
#[derive(Debug, Deserialize)]
pub(crate) struct MoveId<'a> {
    /// The move.
    #[serde(borrow, deserialize_with = "text")]
    pub(super) move_id: &'a str,
}

/// `MoveStatus`
#[derive(Debug, Default, Deserialize)]
pub(crate) struct MoveStatus<'a> {
    /// One graph, whatever its standing; all that are not served here without it.
    #[serde(default, borrow, deserialize_with = "some_text")]
    graph_name: Option<&'a str>,
    /// Also those that are served here and were brought by a move.
    #[serde(default)]
    arrived: bool,
}

/// `MoveOutcomes`
#[derive(Debug, Default, Deserialize)]
pub(crate) struct MoveOutcomes<'a> {
    /// These moves; without it, all of them in the order of their ids.
    #[serde(default, borrow, deserialize_with = "some_texts")]
    move_ids: Option<Vec<&'a str>>,
    /// Of all: those behind this id.
    #[serde(default, borrow, deserialize_with = "some_text")]
    after: Option<&'a str>,
    /// Of all: so many at most.
    #[serde(default)]
    limit: Option<u64>,
}

/// `GraphDigest`
#[derive(Debug, Default, Deserialize)]
pub(crate) struct GraphDigest {
    /// Only what changed behind this sequence number; the whole content without it.
    #[serde(default)]
    after: Option<u64>,
}

/// `LedgerRead`
#[derive(Debug, Deserialize)]
pub(crate) struct LedgerRead {
    /// Records behind this sequence number.
    after: u64,
    /// Bytes after which no further record is added; at least one comes if there is one.
    max_bytes: u64,
}

/// `GraphHeads`
#[derive(Debug, Default, Deserialize)]
pub(crate) struct GraphHeads<'a> {
    /// Graphs behind this name; from the first one without it.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    after: Option<&'a str>,
    /// Graphs at most.
    #[serde(default)]
    limit: Option<u64>,
}

/// `MoveStatus`: one graph, or all that are not served here, and those that were brought by a move if they are wanted.
pub(super) fn status(
    call: &ServiceCall<'_>,
    OrNone(MoveStatus { graph_name, arrived }): OrNone<MoveStatus<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let (shard, graphs) = (call.shard, &call.shard.graphs);
    let mut found: Vec<_> = match graph_name {
        Some(name) => graphs.graph_in_any_state(name).into_iter().collect(),
        None => graphs.migrating_graphs(),
    };
    if arrived && graph_name.is_none() {
        found.append(&mut graphs.graphs_that_arrived());
    }
    encode::array(out, found.len());
    for graph in found {
        value(out, &row(shard, &graph));
    }
    Ok(())
}

/// `MoveLook`: the graph and the move at one instant.
pub(super) fn look(
    call: &ServiceCall<'_>,
    MoveId { move_id }: MoveId<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let view = call.shard.graphs.look_at_move(call.request.envelope.graph, move_id)?;
    let row = view.graph.map_or(Value::Null, |graph| row(call.shard, &graph));
    let record = view.record.map_or(Value::Null, |record| outcome(move_id, &record));
    value(out, &json!({ "graph": row, "outcome": record }));
    Ok(())
}

/// `MoveOutcomes`
pub(super) fn outcomes(
    call: &ServiceCall<'_>,
    OrNone(MoveOutcomes { move_ids, after, limit }): OrNone<MoveOutcomes<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let graphs = &call.shard.graphs;
    let found = match &move_ids {
        Some(move_ids) => {
            let mut found = Vec::new();
            for move_id in move_ids {
                let record = graphs.move_record(move_id).map_err(GraphError::from)?;
                found.extend(record.map(|record| ((*move_id).to_owned(), record)));
            }
            found
        }
        None => {
            let limit = limit.map_or(MAX_OUTCOMES, |limit| limit.min(MAX_OUTCOMES as u64) as usize);
            graphs.move_records(after, limit).map_err(GraphError::from)?
        }
    };
    encode::array(out, found.len());
    for (move_id, record) in &found {
        value(out, &outcome(move_id, record));
    }
    Ok(())
}

/// `GraphDigest`
pub(super) fn digest(
    call: &ServiceCall<'_>,
    OrNone(GraphDigest { after }): OrNone<GraphDigest>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let graph = call.shard.graphs.graph_in_any_state(call.request.envelope.graph)?;
    match after {
        Some(after) => tail_digest(call.shard, &graph, after, out),
        None => whole_digest(call.shard, &graph, out),
    }
}

/// `LedgerRead`
pub(super) fn ledger(
    call: &ServiceCall<'_>,
    LedgerRead { after, max_bytes }: LedgerRead,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let graph = call.shard.graphs.graph_in_any_state(call.request.envelope.graph)?;
    let max_bytes = max_bytes.min(MAX_RECORDS) as usize;
    let changes = call.shard.graphs.changes(&graph, after, max_bytes)?;
    encode::map(out, 3);
    field_uint(out, "sequence", changes.sequence);
    encode::str(out, "before");
    bin_or_nil(out, changes.before.as_ref().map(|digest| &digest[..]));
    encode::str(out, "records");
    encode::bin(out, &pack_ledger(&changes.records));
    Ok(())
}

/// `GraphHeads`: the newest change of each graph, by name, with what else backups and lists ask of all graphs.
pub(super) fn heads(
    call: &ServiceCall<'_>,
    OrNone(GraphHeads { after, limit }): OrNone<GraphHeads<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let shard = call.shard;
    let limit = limit.unwrap_or(MAX_HEADS).min(MAX_HEADS) as usize;
    let page = shard.graphs.heads(after, limit)?;
    let store_id = shard.checkpoints.directory().map(|directory| &*directory.identity().store_id);
    encode::map(out, 6);
    field_uint(out, "settled_ms", page.settled_ms);
    encode::str(out, "store_id");
    str_or_nil(out, store_id);
    field_uint(out, "served", shard.graphs.graph_count() as u64);
    encode::str(out, "guarded");
    encode::bool(out, shard.access.is_on());
    encode::str(out, "more");
    encode::bool(out, page.more);
    encode::str(out, "graphs");
    encode::array(out, page.graphs.len());
    for head in page.graphs {
        encode::map(out, 7);
        field_str(out, "name", head.graph.name());
        field_uint(out, "sequence", head.counters.sequence);
        field_uint(out, "nodes", head.counters.nodes);
        field_uint(out, "edges", head.counters.edges);
        encode::str(out, "tenant");
        str_or_nil(out, head.graph.tenant());
        encode::str(out, "quarantined");
        str_or_nil(out, head.graph.quarantined());
        encode::str(out, "digest");
        bin_or_nil(out, head.digest.as_ref().map(|digest| &digest[..]));
    }
    Ok(())
}

fn whole_digest(shard: &Shard, graph: &Graph, out: &mut Vec<u8>) -> Result<(), OpError> {
    let (header, totals) = content_digest_of(&shard.graphs, graph).map_err(TransferError::from)?;
    encode::map(out, 8);
    field_uint(out, "graph_id", graph.id().number());
    field_uint(out, "sequence", header.sequence);
    field_uint(out, "nodes", totals.nodes);
    field_uint(out, "edges", totals.edges);
    field_uint(out, "ledger", totals.ledger);
    field_uint(out, "vectors", totals.vectors);
    field_uint(out, "bytes", totals.bytes);
    field_str(out, "digest", &totals.digest);
    Ok(())
}

fn tail_digest(shard: &Shard, graph: &Graph, after: u64, out: &mut Vec<u8>) -> Result<(), OpError> {
    let changed = shard.graphs.tail_digest(graph, after)?;
    let state = changed.counters;
    encode::map(out, 6);
    field_uint(out, "graph_id", graph.id().number());
    field_uint(out, "sequence", state.sequence);
    field_uint(out, "nodes", state.nodes);
    field_uint(out, "edges", state.edges);
    field_uint(out, "vectors", state.vectors);
    field_str(out, "digest", &changed.digest);
    Ok(())
}

fn outcome(move_id: &str, record: &MoveRecord) -> Value {
    json!({
        "move_id": move_id,
        "graph": record.graph,
        "role": record.role.name(),
        "outcome": record.outcome.name(),
        "epoch": record.epoch,
        "peer": record.peer,
        "graph_id": record.graph_id,
        "sequence": record.sequence,
        "at_ms": record.at_ms,
    })
}

fn row(shard: &Shard, graph: &Graph) -> Value {
    let state = graph.counters();
    let mut row = json!({
        "name": &**graph.name(),
        "standing": "served",
        "graph_id": graph.id().number(),
        "epoch": graph.epoch(),
        "sequence": state.sequence,
        "nodes": state.nodes,
        "edges": state.edges,
        "arrived": graph.arrived(),
    });
    match graph.migration_state() {
        Some(MigrationState::Arriving { move_id, from, origin, .. }) => {
            row["standing"] = json!("arriving");
            row["move_id"] = json!(move_id);
            row["from"] = json!(from);
            if let Some(origin) = origin {
                row["origin_id"] = json!(origin.graph_id);
                row["origin_epoch"] = json!(origin.epoch);
            }
            if let Some(Progress { records, of, left_s }) = shard.arrivals.progress(graph.name()) {
                row["filling"] = json!({ "records": records, "of": of, "left_s": left_s });
            }
        }
        Some(MigrationState::Moved(post)) => {
            row["standing"] = json!("moved");
            row["move_id"] = json!(post.move_id);
            row["to"] = json!(post.to);
            row["dropped"] = json!(post.dropped);
        }
        None => {
            if let Some((move_id, to)) = shard.graphs.fenced_by(graph) {
                row["fenced_by"] = json!(move_id);
                row["to"] = json!(to);
            }
        }
    }
    row
}
