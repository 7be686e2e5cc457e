//! One group of mutations under construction.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
};

use parking_lot::MutexGuard;

use super::{
    apply::Write,
    catalog::{COMMONS, CatalogEntry, Graph, GraphType, Versions},
    edit::Edit,
    emptied::Removal,
    error::GraphError,
    fence::LeaseClock,
    ledger_keep::LedgerKeep,
    once::{Made, MadeOnce},
    outcomes::{MoveOutcome, MoveRecord, MoveRole},
    overlay::Overlay,
    part::Part,
    quota::{Grown, Growth, Quotas, Room},
    standing::Standing,
    state::GraphState,
    store::{Asking, NameRule},
    tenant::tenant_of,
};
use crate::{
    batch::WriteBatch,
    error::Result as StoreResult,
    keys::{self, GraphId},
    limits::{self, NameLimits, RequestLimits},
    space::Space,
    store::Store,
};

/// From this many on, nodes are asked for together.
const MANY_NODES: usize = 4;

/// A graph as the group sees it.
pub(super) struct Live {
    pub(super) entry: CatalogEntry,
    pub(super) state: GraphState,
    pub(super) versions: Versions,
    /// The published graph of the same id, if any.
    pub(super) base: Option<Arc<Graph>>,
    changed: bool,
    /// Its standing changed.
    restood: bool,
    /// The time of its newest change, once that was looked up.
    pub(super) newest_ms: Option<u64>,
    /// Records of its ledger were removed.
    pub(super) ledger_cut: Option<Removal>,
}

impl Live {
    /// Whose the graph of this name is.
    fn tenant<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        tenant_of(self.entry.tenant.as_deref(), name, self.entry.owner.as_deref())
    }

    /// [`Graph::is_empty_commons`], as the group sees it.
    fn is_empty_commons(&self, name: &str) -> bool {
        let is_sound = self.base.as_ref().is_none_or(|graph| graph.quarantined().is_none());
        let is_empty = self.state.nodes == 0 && self.state.edges == 0 && is_sound;
        name == COMMONS && self.entry.standing.is_none() && is_empty
    }

    /// Refuses a graph with damaged records.
    pub(super) fn sound(&self, name: &str) -> Result<(), GraphError> {
        match self.base.as_ref().and_then(|graph| graph.quarantined()) {
            Some(reason) => {
                Err(GraphError::Quarantined { graph: name.to_owned(), reason: reason.to_owned() })
            }
            None => Ok(()),
        }
    }
}

/// Records to reclaim once nobody reads them any more.
pub(super) struct Retired {
    pub(super) id: GraphId,
    pub(super) readers: Option<Arc<Graph>>,
}

/// What to publish once the batch is committed.
pub(super) struct Finished {
    pub(super) batch: WriteBatch,
    pub(super) graphs: Vec<(Arc<str>, Publish)>,
    pub(super) retired: Vec<Retired>,
    /// Graphs that are there and of whose ledgers records were removed.
    pub(super) emptied: Vec<(GraphId, Removal)>,
    /// Keys of writes that were made once, and their spans.
    pub(super) made: Vec<([u8; 16], u64)>,
    /// What tenants have then, where there are limits.
    pub(super) grown: Option<Grown>,
}

/// How the in-memory catalog changes.
pub(super) enum Publish {
    State(Arc<Graph>, GraphState, Versions),
    Standing(Arc<Graph>, Box<CatalogEntry>, GraphState, Versions),
    Graph(Arc<Graph>),
    Gone,
}

/// What a move came to.
pub(super) struct Decision<'d> {
    pub(super) role: MoveRole,
    pub(super) outcome: MoveOutcome,
    pub(super) peer: &'d str,
}

/// Whose a new graph is, and how much of its ledger it keeps.
#[derive(Default)]
pub(super) struct Creator {
    pub(super) owner: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) ledger_keep: Option<LedgerKeep>,
}

/// Which names clients may make.
#[derive(Clone, Copy)]
pub(super) struct Names<'s> {
    pub(super) rule: Option<&'s NameRule>,
    pub(super) limits: NameLimits,
}

pub(super) struct Transaction<'s> {
    pub(super) overlay: Overlay<'s>,
    lookup: &'s dyn Fn(&str) -> Option<Arc<Graph>>,
    names: Names<'s>,
    graphs: HashMap<Arc<str>, Option<Live>>,
    /// What the group decided on moves.
    decided: HashMap<String, MoveRecord>,
    retired: Vec<Retired>,
    /// The last states of retired graphs, for those who still read them.
    last_states: Vec<(Arc<str>, Publish)>,
    next_id: &'s AtomicU64,
    leases: &'s LeaseClock,
    stored_made: MutexGuard<'s, MadeOnce>,
    /// Writes that the group made once, and the spans of their keys.
    pub(super) made_now: HashMap<[u8; 16], (u64, Made)>,
    allocated: bool,
    now_ms: u64,
    /// Whether mutations may be made in parts.
    in_parts: bool,
    limits: RequestLimits,
    part: Part,
    /// Graphs with a mutation of which a rest is left for the next group.
    pub(super) unfinished: HashSet<Arc<str>>,
    /// Present where tenants have limits.
    growth: Option<Growth<'s>>,
}

impl<'s> Transaction<'s> {
    pub(super) fn new(
        store: &'s dyn Store,
        lookup: &'s dyn Fn(&str) -> Option<Arc<Graph>>,
        names: Names<'s>,
        next_id: &'s AtomicU64,
        leases: &'s LeaseClock,
        stored_made: MutexGuard<'s, MadeOnce>,
        now_ms: u64,
    ) -> Self {
        let overlay = Overlay::new(store);
        let part = Part::begin(&overlay, false, &RequestLimits::default());
        Self {
            overlay,
            lookup,
            names,
            graphs: HashMap::new(),
            decided: HashMap::new(),
            retired: Vec::new(),
            last_states: Vec::new(),
            next_id,
            leases,
            stored_made,
            made_now: HashMap::new(),
            allocated: false,
            now_ms,
            in_parts: false,
            limits: RequestLimits::default(),
            part,
            unfinished: HashSet::new(),
            growth: None,
        }
    }

    pub(super) fn stored_made(&self) -> &MadeOnce {
        &self.stored_made
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Bounds mutations; with `in_parts` some of them are not made as a whole.
    pub(super) fn bounded(self, limits: RequestLimits, in_parts: bool) -> Self {
        Self { limits, in_parts, ..self }
    }

    /// Whether the group has enough to do, so that all others are left for the next one.
    pub(super) fn is_full(&self) -> bool {
        self.in_parts && Part::fill_a_group(&self.overlay)
    }

    /// Bytes of keys and values that the group writes until now.
    pub(super) fn bytes(&self) -> usize {
        self.overlay.size().1
    }

    /// Begins to count what the next mutation changes.
    pub(super) fn begin_part(&mut self, divisible: bool) {
        self.part = Part::begin(&self.overlay, divisible && self.in_parts, &self.limits);
    }

    /// Checks what tenants may have.
    pub(super) fn limit_tenants(&mut self, quotas: Option<&'s Quotas>) {
        self.growth = quotas.map(Growth::new);
    }

    /// Counts the graph as it is now for its tenant.
    pub(super) fn settle(&mut self, name: &Arc<str>) {
        let Some(growth) = &mut self.growth else { return };
        let Some(live) = self.graphs.get(name) else { return };
        let live = live.as_ref().filter(|live| live.entry.standing.is_none());
        let now = live.map(|live| growth.quotas.share(live.tenant(name), &live.state));
        growth.settle(name, (self.lookup)(name).as_deref(), now);
    }

    /// How far the graph of this name may grow as the tenant's; nothing when that is not limited.
    pub(super) fn room(&mut self, name: &Arc<str>, tenant: Option<&str>) -> Option<Room> {
        let growth = self.growth.as_mut()?;
        Some(growth.room(name, (self.lookup)(name).as_deref(), tenant))
    }

    /// Whether a client may put a whole graph with these counters under this name.
    pub(super) fn has_room(
        &mut self,
        name: &Arc<str>,
        claimed_by: Option<&str>,
        owner: Option<&str>,
        state: &GraphState,
    ) -> Result<(), GraphError> {
        let tenant = tenant_of(claimed_by, name, owner);
        self.room(name, tenant).map_or(Ok(()), |room| Ok(room.check_graph(state)?))
    }

    pub(super) fn allocate_id(&mut self) -> GraphId {
        self.allocated = true;
        GraphId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes sure that the id of a load, allocated outside of any group, is never given out again.
    pub(super) fn keep_id(&mut self) {
        self.allocated = true;
    }

    /// Asks ahead for the nodes that `writes` look at, when they are many.
    pub(super) fn ask_ahead(&mut self, writes: &[Write]) {
        let mut keys = Vec::new();
        for write in writes {
            if let Some(graph) = (self.lookup)(&write.graph) {
                write.op.for_each_node(&mut |node| keys.push(keys::node(graph.id(), node)));
            }
        }
        if keys.len() >= MANY_NODES {
            self.overlay.ask_ahead(keys);
        }
    }

    /// The graph as the group sees it.
    pub(super) fn live(&mut self, name: &Arc<str>) -> Option<&mut Live> {
        if !self.graphs.contains_key(name) {
            let live = (self.lookup)(name).map(|graph| Live {
                entry: graph.entry(),
                state: graph.state(),
                versions: graph.versions(),
                base: Some(graph),
                changed: false,
                restood: false,
                newest_ms: None,
                ledger_cut: None,
            });
            self.graphs.insert(Arc::clone(name), live);
        }
        self.graphs.get_mut(name)?.as_mut()
    }

    /// The graph, which is served here, be it quarantined or not.
    pub(super) fn existing(&mut self, name: &Arc<str>) -> Result<&mut Live, GraphError> {
        let live = self.served_or_superseded(name)?;
        let superseded = live.base.as_ref().and_then(|graph| graph.superseded());
        match superseded.filter(|other| other.epoch > live.entry.epoch) {
            Some(other) => Err(GraphError::moved(name, &other.by)),
            None => Ok(live),
        }
    }

    /// The graph, which is here and neither arrives nor has moved; another store may serve it by a higher term.
    pub(super) fn served_or_superseded(&mut self, name: &Arc<str>) -> Result<&mut Live, GraphError> {
        let live = self.live(name).ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        match &live.entry.standing {
            Some(standing) => Err(standing.refusal(name)),
            None => Ok(live),
        }
    }

    /// The graph, which is served here and not about to move.
    pub(super) fn unfenced(&mut self, name: &Arc<str>) -> Result<&mut Live, GraphError> {
        self.existing(name)?;
        self.not_fenced(name)
    }

    /// [`Transaction::served_or_superseded`] that is not about to move.
    pub(super) fn not_fenced(&mut self, name: &Arc<str>) -> Result<&mut Live, GraphError> {
        let leases = self.leases;
        let live = self.served_or_superseded(name)?;
        live.base.as_ref().map_or(Ok(()), |graph| graph.fence().pass(name, leases))?;
        Ok(live)
    }

    /// The graph, to be changed by a client.
    pub(super) fn edit(&mut self, name: &Arc<str>) -> Result<Edit<'_, 's>, GraphError> {
        self.may_fill_commons(name, Asking::Client)?;
        self.edit_upkeep(name)
    }

    /// The graph, to be changed in a way that no client sees.
    pub(super) fn edit_upkeep(&mut self, name: &Arc<str>) -> Result<Edit<'_, 's>, GraphError> {
        self.unfenced(name)?.sound(name)?;
        let longest_id = self.names.limits.node;
        let room = self.room_of(name);
        let mut edit = self.edit_at(name, self.now_ms)?;
        edit.longest_id = longest_id;
        edit.room = room;
        edit.go_on_from_newest()?;
        Ok(edit)
    }

    /// How far a graph may grow that is there.
    fn room_of(&mut self, name: &Arc<str>) -> Option<Room> {
        let growth = self.growth.as_mut()?;
        let live = self.graphs.get(name)?.as_ref()?;
        Some(growth.room(name, (self.lookup)(name).as_deref(), live.tenant(name)))
    }

    /// The graph has a change of this time, in records that the group brought.
    pub(super) fn has_change_at(&mut self, name: &Arc<str>, ms: u64) {
        if let Some(live) = self.live(name) {
            live.newest_ms = live.newest_ms.max(Some(ms));
        }
    }

    /// The graph, to be changed whatever its standing, as at the time `now_ms`.
    pub(super) fn edit_at(&mut self, name: &Arc<str>, now_ms: u64) -> Result<Edit<'_, 's>, GraphError> {
        self.live(name);
        let live = self.graphs.get_mut(name).and_then(Option::as_mut);
        let live = live.ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        live.changed = true;
        let part = self.part;
        Ok(Edit { overlay: &mut self.overlay, live, now_ms, longest_id: usize::MAX, part, room: None })
    }

    /// Whether the name is that of an empty `__commons__`, whose place any graph may take.
    pub(super) fn has_empty_commons(&mut self, name: &Arc<str>) -> bool {
        self.live(name).is_some_and(|live| live.is_empty_commons(name))
    }

    /// Whether a graph of this name, which is not there, may be created.
    pub(super) fn may_create(&self, name: &str, asking: Asking) -> Result<(), GraphError> {
        limits::check_bytes("graph_name", name, self.names.limits.graph)?;
        self.names.rule.map_or(Ok(()), |rule| rule(name, asking)).map_err(GraphError::NotHere)
    }

    /// Every store has a `__commons__`, so it is its first content that is asked for, not its creation. One that a move or an
    /// operator gave to this store stays in use.
    pub(super) fn may_fill_commons(&mut self, name: &Arc<str>, asking: Asking) -> Result<(), GraphError> {
        let is_asked = |live: &mut Live| live.entry.standing.is_none() && !live.entry.is_given();
        if **name != *COMMONS || !self.live(name).is_some_and(is_asked) {
            return Ok(());
        }
        self.may_create(name, asking)
    }

    /// The tenant of a graph that `tenant` asks for too.
    pub(super) fn claim(
        &mut self,
        name: &Arc<str>,
        tenant: Option<&str>,
    ) -> Result<Option<String>, GraphError> {
        let first = self.existing(name)?.entry.tenant.clone();
        match (first, tenant) {
            (Some(first), Some(other)) if first != other => Err(GraphError::TenantCollision {
                graph: name.to_string(),
                tenant: first,
                other: other.to_owned(),
            }),
            (first, tenant) => Ok(first.or_else(|| tenant.map(str::to_owned))),
        }
    }

    pub(super) fn insert(
        &mut self,
        name: &Arc<str>,
        id: GraphId,
        kind: GraphType,
        Creator { owner, tenant, ledger_keep }: Creator,
        state: GraphState,
    ) {
        let created_ms = self.now_ms;
        let (standing, arrived, epoch) = (None, None, 0);
        let entry =
            CatalogEntry { id: id.0, kind, owner, tenant, created_ms, standing, arrived, epoch, ledger_keep };
        self.overlay.put(Space::Catalog, &keys::name(name), &entry.encode());
        let versions = Versions::at(state.sequence);
        let (base, newest_ms, ledger_cut) = (None, None, None);
        let live = Live { entry, state, versions, base, changed: true, restood: true, newest_ms, ledger_cut };
        self.graphs.insert(Arc::clone(name), Some(live));
    }

    /// Gives the graph a standing and an ownership term.
    pub(super) fn stand(
        &mut self,
        name: &Arc<str>,
        standing: Option<Standing>,
        epoch: u64,
    ) -> Result<(), GraphError> {
        let live = self.live(name).ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        (live.entry.standing, live.entry.epoch) = (standing, epoch);
        (live.changed, live.restood) = (true, true);
        let entry = live.entry.encode();
        self.overlay.put(Space::Catalog, &keys::name(name), &entry);
        Ok(())
    }

    /// Other records under the name do not change whose it is: the new entry goes on with what the old one had.
    pub(super) fn keep_tenure(
        &mut self,
        name: &Arc<str>,
        arrived: Option<String>,
        epoch: u64,
    ) -> Result<(), GraphError> {
        if let Some(live) = self.live(name) {
            live.entry.arrived = arrived;
        }
        self.stand(name, None, epoch)
    }

    /// What became of a move, the group's decisions included.
    pub(super) fn decided(&mut self, name: &Arc<str>, move_id: &str) -> StoreResult<Option<MoveRecord>> {
        if let Some(record) = self.decided.get(move_id) {
            return Ok(Some(record.clone()));
        }
        match self.overlay.stored_in_catalog(&keys::move_outcome(move_id))? {
            Some(bytes) => MoveRecord::decode(move_id, &bytes).map(Some),
            None => Ok(self
                .live(name)
                .and_then(|live| MoveRecord::of_entry(name, &live.entry, live.state.sequence, move_id))),
        }
    }

    /// Records what became of a move of the graph, as it stands now.
    pub(super) fn decide(&mut self, move_id: &str, name: &Arc<str>, decision: Decision<'_>) {
        let Decision { role, outcome, peer } = decision;
        let now = self.now_ms;
        let (graph_id, epoch, sequence) =
            self.live(name).map_or((0, 0, 0), |live| (live.entry.id, live.entry.epoch, live.state.sequence));
        let record = MoveRecord {
            graph: name.to_string(),
            role,
            outcome,
            epoch,
            peer: peer.to_owned(),
            graph_id,
            sequence,
            at_ms: now,
        };
        self.overlay.put(Space::Catalog, &keys::move_outcome(move_id), &record.encode());
        self.decided.insert(move_id.to_owned(), record);
    }

    /// Lets writes through again that this move stops.
    pub(super) fn unfence(&mut self, name: &Arc<str>, move_id: &str) {
        if let Some(graph) = self.live(name).and_then(|live| live.base.as_ref()) {
            graph.fence().lower_of(move_id);
        }
    }

    /// Whether the fence of the token has stood since it was raised.
    pub(super) fn fence_stands(
        &mut self,
        name: &Arc<str>,
        move_id: &str,
        to: &str,
        token: u64,
    ) -> Result<(), GraphError> {
        let now = self.leases.now();
        match self.live(name).and_then(|live| live.base.as_ref()) {
            Some(graph) => graph.fence().stands(name, move_id, to, token, now),
            // It was replaced by this very group.
            None => Err(GraphError::overtaken(name, "it is another graph by now".into())),
        }
    }

    /// Takes the name out of the catalog; the records stay, for another name.
    pub(super) fn take_out(&mut self, name: &Arc<str>) -> Result<Live, GraphError> {
        self.live(name);
        let live = self.graphs.insert(Arc::clone(name), None).flatten();
        self.overlay.delete(Space::Catalog, &keys::name(name));
        live.ok_or_else(|| GraphError::GraphNotFound(name.to_string()))
    }

    /// Takes the graph out of the catalog.
    pub(super) fn remove(&mut self, name: &Arc<str>, id: GraphId) {
        self.overlay.delete(Space::Catalog, &keys::name(name));
        match self.graphs.insert(Arc::clone(name), None).flatten() {
            Some(Live { base, state, versions, .. }) => self.retire(name, id, base, state, versions),
            None => self.retire(name, id, None, GraphState::default(), Versions::at(0)),
        }
    }

    /// Puts the records of `id` in place of the graph's own.
    pub(super) fn swap(&mut self, name: &Arc<str>, id: GraphId, state: GraphState) -> Result<(), GraphError> {
        let live = self.edit(name)?.live;
        let old = GraphId(live.entry.id);
        let (readers, last_state, versions) = (live.base.take(), live.state, live.versions);
        live.entry.id = id.0;
        live.state = state;
        let entry = live.entry.encode();
        self.overlay.put(Space::Catalog, &keys::name(name), &entry);
        self.retire(name, old, readers, last_state, versions);
        Ok(())
    }

    /// Gives up records, which stay with their counters for those who read them, until they are reclaimed.
    fn retire(
        &mut self,
        name: &Arc<str>,
        id: GraphId,
        readers: Option<Arc<Graph>>,
        state: GraphState,
        versions: Versions,
    ) {
        self.overlay.put(Space::Catalog, &keys::state(id), &state.encode());
        self.overlay.put(Space::Catalog, &keys::reclaim(id), &[]);
        if let Some(graph) = &readers {
            self.last_states.push((Arc::clone(name), Publish::State(Arc::clone(graph), state, versions)));
        }
        self.retired.push(Retired { id, readers });
    }

    pub(super) fn finish(mut self) -> Finished {
        let grown = self.growth.take().map(Growth::finish);
        let mut published = self.last_states;
        let mut emptied = Vec::new();
        for (name, live) in self.graphs {
            let Some(live) = live else {
                published.push((name, Publish::Gone));
                continue;
            };
            if !live.changed {
                continue;
            }
            if let Some(why) = live.ledger_cut {
                let id = GraphId(live.entry.id);
                self.overlay.put(Space::Catalog, &keys::emptied(id), &[]);
                emptied.push((id, why));
            }
            let same_state = live.base.as_ref().is_some_and(|graph| graph.state() == live.state);
            if same_state && !live.restood {
                continue;
            }
            self.overlay.put(Space::Catalog, &keys::state(GraphId(live.entry.id)), &live.state.encode());
            let publish = match live.base {
                Some(graph) if live.restood => {
                    Publish::Standing(graph, Box::new(live.entry), live.state, live.versions)
                }
                Some(graph) => Publish::State(graph, live.state, live.versions),
                None => Publish::Graph(Arc::new(Graph::new(Arc::clone(&name), live.entry, live.state))),
            };
            published.push((name, publish));
        }
        if self.allocated {
            let next = self.next_id.load(Ordering::Relaxed);
            self.overlay.put(Space::Catalog, &keys::next_id(), &next.to_be_bytes());
        }
        let made = self.made_now.iter().map(|(key, (span, _))| (*key, *span)).collect();
        Finished {
            batch: self.overlay.into_batch(),
            graphs: published,
            retired: self.retired,
            emptied,
            made,
            grown,
        }
    }
}
