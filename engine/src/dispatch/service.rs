//! Operations of the service: its state, its graphs, checkpoints and transfers.

use std::sync::Arc;

use epistemic_storage::{
    graph::{Asking, Origin},
    service::{Imported, Wanted},
    snapshot::{ImportTarget, Ledger},
};
use tokio::sync::mpsc;

use super::{
    OpError, Part, Pending, Request, access, answer, channels, moves, quota, reads::strings, transactions,
};
use crate::{
    access::Caller,
    memory::{Body, decoded},
    quotas,
    shard::Shard,
    status,
    transfer::{Committed, TransferError, Transfers},
    wire::{Envelope, Method, encode, json::value, params},
};

impl From<TransferError> for OpError {
    fn from(error: TransferError) -> Self {
        OpError::Text(error.to_string())
    }
}

/// Runs what needs neither disk nor graph.
pub(super) fn inline(shard: &Shard, request: &Request<'_>, outbox: &mut Vec<u8>) {
    answer::result(outbox, request.envelope.reply_to(), |out| {
        params::no_params(request.method, request.envelope.params)?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the caller routes only these here")]
        match request.method {
            Method::Health => status::health(shard, out),
            Method::Shutdown => {
                encode::str(out, "shutting_down");
                shard.shut_down();
            }
            _ => encode::str(out, "pong"),
        }
        Ok(())
    });
}

/// Runs what may block on a blocking thread.
pub(super) fn spawn(
    shard: &Arc<Shard>,
    transfers: &Arc<Transfers>,
    request: &Request<'_>,
    body: &Body,
) -> Pending {
    let (parts, receiver) = mpsc::channel(1);
    let (shard, transfers, body) = (Arc::clone(shard), Arc::clone(transfers), body.clone());
    let Request { method, begun, connection, .. } = *request;
    let peer = Arc::clone(request.peer);
    tokio::task::spawn_blocking(move || {
        // It was parsed from the same bytes before.
        let Ok(envelope) = Envelope::parse(&body) else { return };
        let request = Request { envelope, method, begun, peer: &peer, connection };
        let account = request.account(&Arc::from(envelope.graph), None);
        let room = request.room(&shard, &account);
        let mut out = Vec::new();
        answer::result(&mut out, envelope.reply_to(), |out| {
            let _decoded = decoded(&shard.memory, &account.tenant, envelope.params)?;
            run(&shard, &transfers, &request, out)
        });
        shard.metrics.answered(method, begun.elapsed());
        // A client that has gone needs no answer.
        let _ = parts.blocking_send(Part::whole(room, &request, out));
    });
    Pending::task(receiver, None)
}

fn run(
    shard: &Arc<Shard>,
    transfers: &Arc<Transfers>,
    request: &Request<'_>,
    out: &mut Vec<u8>,
) -> Result<(), OpError> {
    let Request { method, envelope, .. } = *request;
    let raw = envelope.params;
    #[expect(clippy::wildcard_enum_match_arm, reason = "all others are steps of moves")]
    match method {
        Method::ListGraphs => {
            params::no_params(method, raw)?;
            status::list_graphs(shard, Caller::new(envelope.agent_id), out);
        }
        Method::GraphStats => {
            let params::GraphStats { sizes } = match params::no_params(method, raw) {
                Ok(()) => params::GraphStats::default(),
                Err(_) => params::params(method, raw)?,
            };
            status::graph_stats(shard, Caller::new(envelope.agent_id), sizes, out);
        }
        Method::ShardStatus => {
            params::no_params(method, raw)?;
            status::shard_status(shard, Caller::new(envelope.agent_id), out)?;
        }
        Method::RegisterIdentity => channels::register(shard, request, out)?,
        Method::UnregisterIdentity => channels::unregister(shard, request, out)?,
        Method::ListIdentities => {
            params::no_params(method, raw)?;
            channels::list_identities(shard, out);
        }
        Method::CreateChannel
        | Method::JoinChannel
        | Method::LeaveChannel
        | Method::CloseChannel
        | Method::SendMessage
        | Method::GetChannelMessages
        | Method::ListChannels
        | Method::GetChannelMembers => channels::channel(shard, request, out)?,
        Method::BeginTxn
        | Method::TxnAddNode
        | Method::TxnRemoveNode
        | Method::TxnAddEdge
        | Method::TxnRemoveEdge
        | Method::TxnCas
        | Method::TxnAddEmbedding
        | Method::Rollback => transactions::run(shard, transfers, request, out)?,
        Method::Checkpoint => {
            params::no_params(method, raw)?;
            let written =
                shard.checkpoints.take(&shard.graphs).map_err(|error| OpError::Graph(error.into()))?;
            encode::str(out, &format!("checkpoint_complete:{written}"));
        }
        Method::Scrub => {
            params::no_params(method, raw)?;
            encode::str(out, if shard.scrub.begin_now() { "scrub_begun" } else { "nothing_to_scrub" });
        }
        Method::QuotaShow => {
            let params::QuotaShow { tenant } = match params::no_params(method, raw) {
                Ok(()) => params::QuotaShow::default(),
                Err(_) => params::params(method, raw)?,
            };
            value(out, &quotas::show(&shard.quotas, &shard.graphs, tenant));
        }
        Method::QuotaSet => {
            let params::QuotaSet { tenant, limits } = params::params(method, raw)?;
            let set = shard.quotas.set(&shard.graphs, tenant, &limits);
            set.map_err(|error| OpError::Text(format!("QuotaSet: {error}")))?;
            tracing::info!(tenant, ?limits, "quotas were set");
            encode::str(out, "ok");
        }
        Method::SnapshotOpen => {
            let params::SnapshotOpen { without_ledger } = match params::no_params(method, raw) {
                Ok(()) => params::SnapshotOpen::default(),
                Err(_) => params::params(method, raw)?,
            };
            let ledger = if without_ledger { Ledger::LeftOut } else { Ledger::Whole };
            let graph = shard.graphs.graph(envelope.graph)?;
            // Another graph may have its name since the request was checked.
            access::read(shard, &envelope, &graph)?;
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
        }
        Method::SnapshotRead => {
            let params::SnapshotRead { cursor, max_bytes } = params::params(method, raw)?;
            encode::bin(out, &transfers.read(cursor, usize::try_from(max_bytes).unwrap_or(usize::MAX))?);
        }
        Method::SnapshotClose => {
            let params::SnapshotClose { cursor } = params::params(method, raw)?;
            transfers.close(cursor)?;
            encode::str(out, "closed");
        }
        Method::RestoreOpen => {
            let params::RestoreOpen { graph_name, replace, move_id, origin_id, origin_epoch } =
                params::params(method, raw)?;
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
            let replace = replace
                && (!shard.access.is_on() || name.is_none() || shard.graphs.graph(graph_name).is_ok());
            let origin = origin_id.map(|graph_id| Origin { graph_id, epoch: origin_epoch });
            let target = ImportTarget { name, replace, move_id, origin };
            let replaced = shard.graphs.graph(graph_name).ok().filter(|_| replace);
            let (place, load) = quota::upload(shard, request, replaced.as_deref())?.unzip();
            let caller = Caller::new(envelope.agent_id);
            let upload = transfers.open_import(shard, caller, target, place, load)?;
            encode::map(out, 1);
            field_uint(out, "upload", upload);
        }
        Method::RestoreWrite => {
            let params::RestoreWrite { upload, data } = params::params(method, raw)?;
            let received = transfers.write(upload, data.into_owned())?;
            encode::map(out, 1);
            field_uint(out, "received", received);
        }
        Method::RestoreCommit => {
            let params::Upload { upload } = params::params(method, raw)?;
            // The graph it replaces may be another one than when the upload began.
            if let Some(replaced) = transfers.replaces(upload).and_then(|name| shard.graphs.graph(&name).ok())
            {
                access::write(shard, &envelope, &replaced)?;
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
        }
        Method::RestoreAbort => {
            let params::Upload { upload } = params::params(method, raw)?;
            transfers.abort(upload)?;
            encode::str(out, "aborted");
        }
        Method::ServiceExport => {
            params::no_params(method, raw)?;
            let (cursor, header) = transfers.open_service_export(&shard.graphs)?;
            encode::map(out, 3);
            field_uint(out, "cursor", cursor);
            field_uint(out, "identities", header.identities);
            field_uint(out, "channels", header.channels);
        }
        Method::ServiceImport => {
            let params::ServiceImport { identities, channels } = params::params(method, raw)?;
            let wanted = Wanted { identities, channels };
            let upload = transfers.open_service_import(shard, Caller::new(envelope.agent_id), wanted)?;
            encode::map(out, 1);
            field_uint(out, "upload", upload);
        }
        _ => moves::run(shard, request, out)?,
    }
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

pub(super) fn field_uint(out: &mut Vec<u8>, name: &str, value: u64) {
    encode::str(out, name);
    encode::uint(out, value);
}

pub(super) fn field_str(out: &mut Vec<u8>, name: &str, value: &str) {
    encode::str(out, name);
    encode::str(out, value);
}
