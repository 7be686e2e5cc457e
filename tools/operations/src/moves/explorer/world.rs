//! Two servers, and a client who knows what was acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use epistemic_storage::{
    GraphStore, MemoryStore, Mutation,
    graph::{GraphError, GraphType, MAX_PAUSE, Op},
};

use super::{COMMONS, Violation, violation};
use crate::hosts::DirectoryParty;

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// Where the graph is at the beginning, and where clients ask first.
    First,
    /// The other one.
    Second,
}

impl Place {
    pub(super) const BOTH: [Self; 2] = [Place::First, Place::Second];

    pub(super) fn endpoint(self) -> &'static str {
        ["tcp://first:1", "tcp://second:1"][self as usize]
    }

    pub(super) fn other(self) -> Self {
        Self::BOTH[1 - self as usize]
    }

    fn of(endpoint: &str) -> Result<Self, Violation> {
        let found = Self::BOTH.into_iter().find(|place| place.endpoint() == endpoint);
        found.map_or_else(|| violation(format!("a client is sent to '{endpoint}'")), Ok)
    }
}

/// A server that runs.
pub(super) struct Server {
    pub(super) graphs: Arc<GraphStore>,
    pub(super) party: DirectoryParty,
}

impl Server {
    fn start(place: Place, disk: &MemoryStore) -> Self {
        let graphs = Arc::new(GraphStore::open(disk.clone()).unwrap());
        let party = DirectoryParty::new(place.endpoint(), Arc::clone(&graphs), None);
        Self { graphs, party }
    }
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// Adds a node, and removes the oldest one.
    Write,
    /// Removes all content.
    Clear,
    /// Deletes the graph.
    Delete,
    /// Creates it.
    Create,
    /// Deletes it, creates it, and makes as many changes as it had.
    Recreate,
}

/// Servers, disks, and what was acknowledged to clients.
pub(super) struct World {
    /// The graph's name.
    pub(super) graph: &'static str,
    disks: [MemoryStore; 2],
    servers: [Server; 2],
    /// The nodes of the graph, if there is to be one.
    pub(super) model: Option<BTreeMap<String, Vec<u8>>>,
    /// Nodes written so far, in all graphs of the name.
    written: u64,
    /// Whether clients wiped the graph at a place, or a move may take it on from there: then there may be nothing to prove.
    pub(super) wiped: [bool; 2],
    /// The movers that have begun, by move.
    pub(super) runs: Vec<&'static str>,
    /// The digests of what each place served, by sequence number.
    pub(super) served: HashMap<(Place, u64), BTreeSet<String>>,
    /// The place, graph and change that were digested last.
    pub(super) digested: Option<(Place, u64, u64)>,
    /// Moves that were said to be given up.
    pub(super) given_up: BTreeSet<&'static str>,
}

impl World {
    /// A graph with three nodes at the first place.
    pub(super) fn new(graph: &'static str) -> Self {
        let disks = [MemoryStore::new(), MemoryStore::new()];
        let servers = Place::BOTH.map(|place| Server::start(place, &disks[place as usize]));
        let mut world = Self {
            graph,
            disks,
            servers,
            model: None,
            written: 0,
            wiped: [false; 2],
            runs: Vec::new(),
            served: HashMap::new(),
            digested: None,
            given_up: BTreeSet::new(),
        };
        if graph == COMMONS {
            world.model = Some(BTreeMap::new());
        } else {
            world.client(Deed::Create).unwrap();
        }
        for _ in 0..3 {
            world.add().unwrap();
        }
        world
    }

    /// The same world apart from this one. Its servers were started anew.
    pub(super) fn fork(&self) -> Self {
        let disks = Place::BOTH.map(|place| self.disks[place as usize].fork());
        let servers = Place::BOTH.map(|place| Server::start(place, &disks[place as usize]));
        Self {
            graph: self.graph,
            disks,
            servers,
            model: self.model.clone(),
            written: self.written,
            wiped: self.wiped,
            runs: self.runs.clone(),
            served: self.served.clone(),
            digested: None,
            given_up: self.given_up.clone(),
        }
    }

    pub(super) fn server(&self, place: Place) -> &Server {
        &self.servers[place as usize]
    }

    /// Kills the server, and starts it on what it had committed.
    pub(super) fn crash(&mut self, place: Place) {
        self.servers[place as usize] = Server::start(place, &self.disks[place as usize]);
    }

    /// How many movers of this move have begun.
    pub(super) fn runs_of(&self, move_id: &str) -> usize {
        self.runs.iter().filter(|other| **other == move_id).count()
    }

    /// Ends all leases.
    pub(super) fn lapse(&self) {
        for server in &self.servers {
            server.graphs.advance_leases(MAX_PAUSE);
        }
    }

    /// A client does something, following where it is sent; it gives up while writes are stopped. Tells whether all of it was
    /// acknowledged.
    pub(super) fn client(&mut self, deed: Deed) -> Result<bool, Violation> {
        match deed {
            Deed::Write => {
                let oldest = self.model.as_ref().and_then(|nodes| nodes.keys().next().cloned());
                if !self.add()? {
                    return Ok(false);
                }
                let Some(id) = oldest else { return Ok(true) };
                let removed = self.request(|| Op::One(Mutation::RemoveNode { id: id.clone() }))?;
                if let (true, Some(nodes)) = (removed.is_some(), &mut self.model) {
                    nodes.remove(&id);
                }
                Ok(removed.is_some())
            }
            Deed::Clear => {
                let done = self.request(|| Op::Clear)?;
                if let Some(place) = done {
                    self.wiped[place as usize] = true;
                    self.model = Some(BTreeMap::new());
                }
                Ok(done.is_some())
            }
            Deed::Delete => {
                let done = self.request(|| Op::Delete)?;
                if let Some(place) = done {
                    self.wiped[place as usize] = true;
                    self.model = None;
                }
                Ok(done.is_some())
            }
            Deed::Create => {
                let create = || Op::Create { kind: GraphType::Agent, owner: None, tenant: None };
                let done = self.request(create)?;
                if done.is_some() {
                    self.model = Some(BTreeMap::new());
                }
                Ok(done.is_some())
            }
            Deed::Recreate => {
                let before = self.sequence();
                if !self.client(Deed::Delete)? || !self.client(Deed::Create)? {
                    return Ok(false);
                }
                while self.sequence() < before {
                    if !self.add()? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    }

    fn add(&mut self) -> Result<bool, Violation> {
        let id = format!("n{:04}", self.written);
        let properties = format!("\u{81}{}", self.written).into_bytes();
        self.written += 1;
        let add = || Op::One(Mutation::AddNode { id: id.clone(), properties: properties.clone() });
        let done = self.request(add)?;
        if let (true, Some(nodes)) = (done.is_some(), &mut self.model) {
            nodes.insert(id, properties);
        }
        Ok(done.is_some())
    }

    /// The newest change where the graph is served.
    fn sequence(&self) -> u64 {
        let found =
            Place::BOTH.into_iter().find_map(|place| self.server(place).graphs.graph(self.graph).ok());
        found.map_or(0, |graph| graph.counters().sequence)
    }

    /// Where a request was done, if it was.
    fn request(&self, op: impl Fn() -> Op) -> Result<Option<Place>, Violation> {
        let (mut place, mut way) = (Place::First, Vec::new());
        // Between the handover and the admission each place names the other.
        for _ in 0..4 {
            way.push(place);
            match self.server(place).graphs.write(self.graph, op()) {
                Ok(_) => return Ok(Some(place)),
                Err(GraphError::Moved { to, .. }) => place = Place::of(&to)?,
                Err(GraphError::Arriving { from, .. }) => place = Place::of(&from)?,
                Err(GraphError::Moving { .. }) => return Ok(None),
                Err(GraphError::GraphNotFound(_)) if self.model.is_none() => return Ok(None),
                Err(GraphError::GraphNotFound(_)) => {
                    return violation(format!("hidden: {:?} has no graph, by the way of {way:?}", place));
                }
                Err(error) => return violation(format!("a client is answered at {place:?}: {error}")),
            }
        }
        Ok(None)
    }
}
