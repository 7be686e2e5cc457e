//! One commit group under construction.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::MutexGuard;

use crate::{
    batch::WriteBatch,
    graph::{
        catalog::{
            counters::GraphCounters,
            creation::{Asking, CreationPolicy},
            entry::CatalogEntry,
            fence::LeaseClock,
            graph::{Graph, Versions},
        },
        error::GraphError,
        moves::outcome::MoveRecord,
        quota::accounts::{Grown, Growth},
        reclaim::emptied::{Removal, Retired},
        write::{
            idempotency::{Made, MadeOnce},
            op::Write,
            overlay::Overlay,
            part::Part,
            record_changes::Edit,
            working_graph::WorkingGraph,
        },
    },
    keys::{self, GraphId},
    limits::{NameLimits, RequestLimits},
    space::Space,
    store::{GroupLimits, Store},
};

/// From this many on, nodes are looked up together.
const MANY_NODES: usize = 4;

/// What to publish once the batch is committed.
pub(crate) struct Finished {
    pub(crate) batch: WriteBatch,
    pub(crate) graphs: Vec<(Arc<str>, Publish)>,
    pub(crate) retired: Vec<Retired>,
    /// Graphs that are there and of whose ledgers records were removed.
    pub(crate) emptied: Vec<(GraphId, Removal)>,
    /// Keys of writes that were made once, and their spans.
    pub(crate) made: Vec<([u8; 16], u64)>,
    /// What tenants have then, where there are limits.
    pub(crate) grown: Option<Grown>,
}

/// How the in-memory catalog changes.
pub(crate) enum Publish {
    State(Arc<Graph>, GraphCounters, Versions),
    Entry(Arc<Graph>, Box<CatalogEntry>, GraphCounters, Versions),
    Graph(Arc<Graph>),
    Gone,
}

/// Which names clients may make.
#[derive(Clone, Copy)]
pub(crate) struct Names<'s> {
    pub(crate) rule: Option<&'s CreationPolicy>,
    pub(crate) limits: NameLimits,
}

/// The working state of one group: its overlay, its graphs, and what it decided.
pub(crate) struct Transaction<'s> {
    pub(crate) overlay: Overlay<'s>,
    pub(crate) lookup: &'s dyn Fn(&str) -> Option<Arc<Graph>>,
    pub(crate) names: Names<'s>,
    pub(crate) graphs: HashMap<Arc<str>, Option<WorkingGraph>>,
    /// What the group decided on moves.
    pub(crate) decided: HashMap<String, MoveRecord>,
    pub(crate) retired: Vec<Retired>,
    /// The last states of retired graphs, for those who still read them.
    pub(crate) last_states: Vec<(Arc<str>, Publish)>,
    pub(crate) next_id: &'s AtomicU64,
    pub(crate) leases: &'s LeaseClock,
    pub(crate) stored_made: MutexGuard<'s, MadeOnce>,
    /// Writes that the group made once, and the spans of their keys.
    pub(crate) made_now: HashMap<[u8; 16], (u64, Made)>,
    pub(crate) allocated: bool,
    pub(crate) now_ms: u64,
    /// Whether mutations may be made in parts.
    pub(crate) in_parts: bool,
    pub(crate) limits: RequestLimits,
    group_limits: GroupLimits,
    pub(crate) part: Part,
    /// Graphs with a mutation of which a rest is left for the next group.
    pub(crate) unfinished: HashSet<Arc<str>>,
    /// Present where tenants have limits.
    pub(crate) growth: Option<Growth<'s>>,
}

impl<'s> Transaction<'s> {
    pub(crate) fn new(
        store: &'s dyn Store,
        lookup: &'s dyn Fn(&str) -> Option<Arc<Graph>>,
        names: Names<'s>,
        next_id: &'s AtomicU64,
        leases: &'s LeaseClock,
        stored_made: MutexGuard<'s, MadeOnce>,
        now_ms: u64,
    ) -> Self {
        let group_limits = store.group_limits();
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
            group_limits,
            part,
            unfinished: HashSet::new(),
            growth: None,
        }
    }

    pub(crate) fn stored_made(&self) -> &MadeOnce {
        &self.stored_made
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Bounds mutations; with `in_parts` some of them are not made as a whole.
    pub(crate) fn bounded(self, limits: RequestLimits, in_parts: bool) -> Self {
        Self { limits, in_parts, ..self }
    }

    /// Whether the group has enough to do, so that all others are left for the next one.
    pub(crate) fn is_full(&self) -> bool {
        self.in_parts && Part::fill_a_group(&self.overlay, &self.group_limits)
    }

    /// Bytes of keys and values that the group writes until now.
    pub(crate) fn bytes(&self) -> usize {
        self.overlay.size().1
    }

    /// Begins to count what the next mutation changes.
    pub(crate) fn begin_part(&mut self, divisible: bool) {
        self.part = Part::begin(&self.overlay, divisible && self.in_parts, &self.limits);
    }

    pub(crate) fn allocate_id(&mut self) -> GraphId {
        self.allocated = true;
        GraphId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// Makes sure that the id of a load, allocated outside of any group, is never given out again.
    pub(crate) fn persist_next_id(&mut self) {
        self.allocated = true;
    }

    /// Prefetches the existence of all nodes that the group refers to, in one multi-get.
    pub(crate) fn prefetch_nodes(&mut self, writes: &[Write]) {
        let mut keys = Vec::new();
        for write in writes {
            if let Some(graph) = (self.lookup)(&write.graph) {
                write.op.for_each_node(&mut |node| keys.push(keys::node(graph.id(), node)));
            }
        }
        if keys.len() >= MANY_NODES {
            self.overlay.prefetch_nodes(keys);
        }
    }

    /// The working copy of a graph.
    pub(crate) fn working(&mut self, name: &Arc<str>) -> Option<&mut WorkingGraph> {
        if !self.graphs.contains_key(name) {
            let working = (self.lookup)(name).map(|graph| WorkingGraph {
                entry: graph.entry(),
                counters: graph.counters(),
                versions: graph.versions(),
                base: Some(graph),
                changed: false,
                state_changed: false,
                newest_ms: None,
                ledger_cut: None,
            });
            self.graphs.insert(Arc::clone(name), working);
        }
        self.graphs.get_mut(name)?.as_mut()
    }

    /// The graph, which is served here, be it quarantined or not.
    pub(crate) fn existing(&mut self, name: &Arc<str>) -> Result<&mut WorkingGraph, GraphError> {
        let working = self.served_or_superseded(name)?;
        let superseded = working.base.as_ref().and_then(|graph| graph.superseded());
        match superseded.filter(|other| other.epoch > working.entry.epoch) {
            Some(other) => Err(GraphError::moved(name, &other.by)),
            None => Ok(working),
        }
    }

    /// The graph, which is here and neither arrives nor has moved; another store may serve it by a higher term.
    pub(crate) fn served_or_superseded(&mut self, name: &Arc<str>) -> Result<&mut WorkingGraph, GraphError> {
        let working = self.working(name).ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        match &working.entry.migration_state {
            Some(migration_state) => Err(migration_state.refusal(name)),
            None => Ok(working),
        }
    }

    /// The graph, which is served here and not about to move.
    pub(crate) fn unfenced(&mut self, name: &Arc<str>) -> Result<&mut WorkingGraph, GraphError> {
        self.existing(name)?;
        self.not_fenced(name)
    }

    /// [`Transaction::served_or_superseded`] that is not about to move.
    pub(crate) fn not_fenced(&mut self, name: &Arc<str>) -> Result<&mut WorkingGraph, GraphError> {
        let leases = self.leases;
        let working = self.served_or_superseded(name)?;
        working.base.as_ref().map_or(Ok(()), |graph| graph.fence().check(name, leases))?;
        Ok(working)
    }

    /// The graph, to be changed by a client.
    pub(crate) fn edit(&mut self, name: &Arc<str>) -> Result<Edit<'_, 's>, GraphError> {
        self.may_fill_commons(name, Asking::Client)?;
        self.edit_upkeep(name)
    }

    /// The graph, to be changed in a way that no client sees.
    pub(crate) fn edit_upkeep(&mut self, name: &Arc<str>) -> Result<Edit<'_, 's>, GraphError> {
        self.unfenced(name)?.ensure_not_quarantined(name)?;
        let longest_id = self.names.limits.node;
        let room = self.room_of(name);
        let mut edit = self.edit_at(name, self.now_ms)?;
        edit.longest_id = longest_id;
        edit.room = room;
        edit.go_on_from_newest()?;
        Ok(edit)
    }

    /// The graph has a change of this time, in records that the group brought.
    pub(crate) fn has_change_at(&mut self, name: &Arc<str>, ms: u64) {
        if let Some(working) = self.working(name) {
            working.newest_ms = working.newest_ms.max(Some(ms));
        }
    }

    /// The graph, to be changed whatever its migration state, as at the time `now_ms`.
    pub(crate) fn edit_at(&mut self, name: &Arc<str>, now_ms: u64) -> Result<Edit<'_, 's>, GraphError> {
        self.working(name);
        let working = self.graphs.get_mut(name).and_then(Option::as_mut);
        let working = working.ok_or_else(|| GraphError::GraphNotFound(name.to_string()))?;
        working.changed = true;
        let part = self.part;
        Ok(Edit { overlay: &mut self.overlay, working, now_ms, longest_id: usize::MAX, part, room: None })
    }

    pub(crate) fn finish(mut self) -> Finished {
        let grown = self.growth.take().map(Growth::finish);
        let mut published = self.last_states;
        let mut emptied = Vec::new();
        for (name, working) in self.graphs {
            let Some(working) = working else {
                published.push((name, Publish::Gone));
                continue;
            };
            if !working.changed {
                continue;
            }
            if let Some(why) = working.ledger_cut {
                let id = GraphId(working.entry.id);
                self.overlay.put(Space::Catalog, &keys::emptied(id), &[]);
                emptied.push((id, why));
            }
            let same_state = working.base.as_ref().is_some_and(|graph| graph.counters() == working.counters);
            if same_state && !working.state_changed {
                continue;
            }
            self.overlay.put(
                Space::Catalog,
                &keys::state(GraphId(working.entry.id)),
                &working.counters.encode(),
            );
            let publish = match working.base {
                Some(graph) if working.state_changed => {
                    Publish::Entry(graph, Box::new(working.entry), working.counters, working.versions)
                }
                Some(graph) => Publish::State(graph, working.counters, working.versions),
                None => {
                    Publish::Graph(Arc::new(Graph::new(Arc::clone(&name), working.entry, working.counters)))
                }
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
