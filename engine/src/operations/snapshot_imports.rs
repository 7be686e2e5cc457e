//! What becomes of a snapshot that is received in pieces, on the thread of its import.

use std::{
    cell::OnceCell,
    sync::{Arc, atomic::Ordering},
};

use epistemic_storage::{
    GraphStore,
    graph::GraphCounters,
    service::{self, Wanted},
    snapshot::{self, Header, ImportTarget, Loaded},
};

use crate::{
    access::Caller,
    keys::may_claim,
    quotas::{Load, Place},
    request::service::ServiceCall,
    transfer::{Committed, TransferError},
};

/// Begins to import a graph. What the snapshot says of its owner is the caller's, or must be refused.
pub(super) fn open_graph(
    call: &ServiceCall<'_>,
    target: ImportTarget,
    quota: Option<Place>,
    mut load: Option<Load>,
) -> Result<u64, TransferError> {
    let shard = Arc::clone(call.shard);
    let agent = Caller::new(call.request.envelope.agent_id).id().map(str::to_owned);
    let grant = call.request.peer.grant().cloned();
    let replaces = target.name.clone().filter(|_| target.replace);
    let is_of_move = target.move_id.is_some();
    call.transfers.open_import(replaces, quota, move |input| {
        let graphs = &shard.graphs;
        let filling = OnceCell::new();
        let counted = load.is_some();
        let admit = |header: &Header, name: &str| {
            if is_of_move {
                filling.get_or_init(|| shard.arrivals.begin(name, header));
            }
            if counted {
                has_room(graphs, name, header)?;
            }
            let there = graphs.graph(name).ok();
            if let Some(grant) = &grant {
                may_claim(grant, name, header, there.as_deref()).map_err(|forbidden| {
                    shard.metrics.access_denied();
                    forbidden.to_string()
                })?;
            }
            let caller = Caller::new(agent.as_deref());
            shard.access.may_restore(caller, name, header, there.as_deref()).map_err(|denied| {
                shard.metrics.access_denied();
                denied.to_string()
            })
        };
        let since = input.since_record();
        let mut watch = |loaded: Loaded| {
            // Records are given out of whole chunks.
            since.store(0, Ordering::Relaxed);
            if let Some(filling) = filling.get() {
                filling.has(loaded.records);
            }
            match &mut load {
                Some(load) => load.has(loaded.bytes).map_err(|refusal| refusal.to_string()),
                None => Ok(()),
            }
        };
        let (header, totals, name) = snapshot::import_if(graphs, input, &target, &admit, &mut watch)?;
        load.into_iter().for_each(Load::finish);
        Ok(Committed::Graph(header, totals, name))
    })
}

/// Whether the tenant of a graph of this snapshot may have so much more. The commit asks again.
fn has_room(graphs: &GraphStore, name: &str, header: &Header) -> Result<(), String> {
    let claimed_by = header.tenant.as_deref().filter(|_| name == header.graph);
    let (nodes, edges) = (header.nodes, header.edges);
    let state = GraphCounters { nodes, edges, ..GraphCounters::default() };
    graphs.has_room(name, claimed_by, header.owner.as_deref(), &state).map_err(|error| error.to_string())
}

/// Begins to take what is missing here of a copy of identities and channels.
pub(super) fn open_service(call: &ServiceCall<'_>, wanted: Wanted) -> Result<u64, TransferError> {
    let shard = Arc::clone(call.shard);
    let agent = Caller::new(call.request.envelope.agent_id).id().map(str::to_owned);
    call.transfers.open_import(None, None, move |input| {
        let (identities, channels) = (&shard.access.identities, &shard.channels);
        let (_, _, imported) = service::import(identities, channels, input, wanted, |new, identity| {
            let caller = Caller::new(agent.as_deref());
            let checked = shard.access.may_register(caller, new, &identity.role);
            checked.map_err(|denied| denied.to_string())
        })?;
        Ok(Committed::Service(imported))
    })
}
