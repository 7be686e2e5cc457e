//! Snapshots sent and received in pieces: of graphs, and of identities and channels.

use std::borrow::Cow;

use epistemic_storage::{
    graph::{Asking, GraphType, Origin},
    service::{Imported, Wanted},
    snapshot::{ImportTarget, Ledger},
};
use serde::Deserialize;

use super::snapshot_imports;
use crate::{
    request::{
        access,
        error::OpError,
        operation::{NewGraph, Replaced},
        quota,
        service::ServiceCall,
    },
    transfer::{Committed, TransferError},
    wire::{
        DecodeError, Method, NoParams, OrNone, Params, bytes, encode, field_str, field_uint, some_text,
        strings, text,
    },
};

impl From<TransferError> for OpError {
    fn from(error: TransferError) -> Self {
        OpError::Text(error.to_string())
    }
}

/// `SnapshotOpen`, which takes none as well
#[derive(Debug, Default, Deserialize)]
pub(crate) struct SnapshotOpen {
    /// Whether the snapshot is to be without the ledger, which is not read then. Off by default.
    #[serde(default)]
    without_ledger: bool,
}

/// `SnapshotRead`
#[derive(Debug, Deserialize)]
pub(crate) struct SnapshotRead {
    /// From `SnapshotOpen`.
    cursor: u64,
    /// Most bytes to return.
    max_bytes: u64,
}

/// `SnapshotClose`
#[derive(Debug, Deserialize)]
pub(crate) struct SnapshotClose {
    /// From `SnapshotOpen`.
    cursor: u64,
}

/// `RestoreOpen`
#[derive(Debug, Deserialize)]
pub(crate) struct RestoreOpen<'a> {
    /// Name under which the graph is restored.
    #[serde(borrow, deserialize_with = "text")]
    pub(crate) graph_name: &'a str,
    /// Whether an existing graph of that name is replaced; an error otherwise. Off by default.
    #[serde(default)]
    pub(crate) replace: bool,
    /// The move that reserved the name; the graph is not served before that move admits it.
    #[serde(default, borrow, deserialize_with = "some_text")]
    move_id: Option<&'a str>,
    /// Of a move: the graph that the snapshot was taken of, as `SnapshotOpen` named it.
    #[serde(default)]
    origin_id: Option<u64>,
    /// Of a move: its ownership term.
    #[serde(default)]
    origin_epoch: u64,
}

/// `RestoreWrite`
#[derive(Debug, Deserialize)]
pub(crate) struct RestoreWrite<'a> {
    /// From `RestoreOpen`.
    upload: u64,
    /// The next bytes of the snapshot.
    #[serde(borrow, deserialize_with = "bytes")]
    data: Cow<'a, [u8]>,
}

/// `RestoreCommit`, `RestoreAbort`
#[derive(Debug, Deserialize)]
pub(crate) struct Upload {
    /// From `RestoreOpen`.
    upload: u64,
}

/// `ServiceImport`
#[derive(Debug, Deserialize)]
pub(crate) struct ServiceImport {
    /// Whether to take the identities.
    #[serde(default)]
    identities: bool,
    /// Whether to take the channels.
    #[serde(default)]
    channels: bool,
}

/// The graph that `RestoreOpen` replaces.
pub(super) fn replaced<'a>(method: Method, raw: Option<&'a [u8]>) -> Result<Replaced<'a>, DecodeError> {
    let RestoreOpen { graph_name, replace, .. } = Params::decode(method, raw)?;
    Ok(match (replace, graph_name) {
        (false, _) => Replaced::Nothing,
        (true, "") => Replaced::NamedBySnapshot,
        (true, name) => Replaced::Graph(name),
    })
}

/// The graph that `RestoreOpen` makes, unless it is a step of a move.
pub(super) fn made<'a>(method: Method, raw: Option<&'a [u8]>) -> Result<Option<NewGraph<'a>>, DecodeError> {
    let RestoreOpen { graph_name: name, move_id, .. } = Params::decode(method, raw)?;
    // Who may make any may make this: the snapshot says more of it.
    let new = NewGraph { name, kind: GraphType::Agent, claimed_by: None };
    Ok(move_id.is_none().then_some(new))
}

/// `SnapshotOpen`
pub(super) fn open(
    call: &ServiceCall<'_>,
    OrNone(SnapshotOpen { without_ledger }): OrNone<SnapshotOpen>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let ServiceCall { shard, transfers, request } = call;
    let ledger = if without_ledger { Ledger::LeftOut } else { Ledger::Whole };
    let graph = shard.graphs.graph(request.envelope.graph)?;
    // Another graph may have its name since the request was checked.
    access::read(shard, &request.envelope, &graph)?;
    let (graph_id, epoch) = (graph.id().number(), graph.epoch());
    let place = quota::cursor(shard, request)?;
    let (cursor, header) = transfers.open_export(&shard.graphs, graph, ledger, place)?;
    encode::map(out, 8);
    field_uint(out, "cursor", cursor);
    field_uint(out, "graph_id", graph_id);
    field_uint(out, "epoch", epoch);
    field_str(out, "graph", &header.graph);
    field_str(out, "type", header.kind.name());
    field_uint(out, "sequence", header.sequence);
    field_uint(out, "nodes", header.nodes);
    field_uint(out, "edges", header.edges);
    Ok(())
}

/// `SnapshotRead`
pub(super) fn read(
    call: &ServiceCall<'_>,
    SnapshotRead { cursor, max_bytes }: SnapshotRead,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    // It may have been given to another owner since the export began.
    if let Some(graph) = call.transfers.exports(cursor) {
        access::read(call.shard, &call.request.envelope, &graph)?;
    }
    encode::bin(out, &call.transfers.read(cursor, max_bytes)?);
    Ok(())
}

/// `SnapshotClose`
pub(super) fn close(
    call: &ServiceCall<'_>,
    SnapshotClose { cursor }: SnapshotClose,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    call.transfers.close(cursor)?;
    encode::str(out, "closed");
    Ok(())
}

/// `RestoreOpen`
pub(super) fn open_restore(
    call: &ServiceCall<'_>,
    params: RestoreOpen<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let RestoreOpen { graph_name, replace, move_id, origin_id, origin_epoch } = params;
    let ServiceCall { shard, request, .. } = call;
    if move_id.is_some() && shard.access.is_on() {
        access::system(shard, request)?;
    }
    // A move names its graph also when the name is empty.
    let name = (!graph_name.is_empty() || move_id.is_some()).then(|| graph_name.to_owned());
    if let (Some(name), None) = (&name, move_id) {
        shard.graphs.check_creation(name, Asking::Import)?;
    }
    let move_id = move_id.map(str::to_owned);
    // A graph that is not there was not checked, so it must not be there at the end either.
    let replace =
        replace && (!shard.access.is_on() || name.is_none() || shard.graphs.graph(graph_name).is_ok());
    let origin = origin_id.map(|graph_id| Origin { graph_id, epoch: origin_epoch });
    let target = ImportTarget { name, replace, move_id, origin };
    let replaced = shard.graphs.graph(graph_name).ok().filter(|_| replace);
    let (place, load) = quota::upload(shard, request, replaced.as_deref())?.unzip();
    let upload = snapshot_imports::open_graph(call, target, place, load)?;
    encode::map(out, 1);
    field_uint(out, "upload", upload);
    Ok(())
}

/// `RestoreWrite`
pub(super) fn write_restore(
    call: &ServiceCall<'_>,
    RestoreWrite { upload, data }: RestoreWrite<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let received = call.transfers.write(upload, data.into_owned())?;
    encode::map(out, 1);
    field_uint(out, "received", received);
    Ok(())
}

/// `RestoreCommit`
pub(super) fn commit_restore(
    call: &ServiceCall<'_>,
    Upload { upload }: Upload,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let ServiceCall { shard, transfers, request } = call;
    // The graph it replaces may be another one than when the upload began.
    if let Some(replaced) = transfers.replaces(upload).and_then(|name| shard.graphs.graph(&name).ok()) {
        access::write(shard, &request.envelope, &replaced)?;
    }
    let (header, totals, graph) = match transfers.commit(upload)? {
        Committed::Graph(header, totals, graph) => (header, totals, graph),
        Committed::Service(imported) => {
            service_imported(out, &imported);
            return Ok(());
        }
    };
    shard.dirty.note(std::iter::once(graph.as_str().into()));
    encode::map(out, 7);
    field_str(out, "graph", &graph);
    field_uint(out, "nodes", totals.nodes);
    field_uint(out, "edges", totals.edges);
    field_uint(out, "ledger", totals.ledger);
    field_uint(out, "vectors", totals.vectors);
    field_uint(out, "sequence", header.sequence);
    field_str(out, "digest", &totals.digest);
    Ok(())
}

/// `RestoreAbort`
pub(super) fn abort_restore(
    call: &ServiceCall<'_>,
    Upload { upload }: Upload,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    call.transfers.abort(upload)?;
    encode::str(out, "aborted");
    Ok(())
}

/// `ServiceExport`
pub(super) fn open_service_export(
    call: &ServiceCall<'_>,
    _: NoParams,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let (cursor, header) = call.transfers.open_service_export(&call.shard.graphs)?;
    encode::map(out, 3);
    field_uint(out, "cursor", cursor);
    field_uint(out, "identities", header.identities);
    field_uint(out, "channels", header.channels);
    Ok(())
}

/// `ServiceImport`
pub(super) fn open_service_import(
    call: &ServiceCall<'_>,
    ServiceImport { identities, channels }: ServiceImport,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let upload = snapshot_imports::open_service(call, Wanted { identities, channels })?;
    encode::map(out, 1);
    field_uint(out, "upload", upload);
    Ok(())
}

/// The answer of `RestoreCommit` behind `ServiceImport`.
fn service_imported(out: &mut Vec<u8>, imported: &Imported) {
    encode::map(out, 4);
    field_uint(out, "identities", imported.identities);
    encode::str(out, "other_identities");
    strings(out, &imported.other_identities);
    field_uint(out, "channels", imported.channels);
    encode::str(out, "other_channels");
    strings(out, &imported.other_channels);
}
