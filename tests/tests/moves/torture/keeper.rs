//! The client of one graph, who knows exactly what was acknowledged: it has one request in flight, and nothing disturbs its
//! connections.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use epistemic_tests::wait::{pause, poll};
use epistemic_tests::wire::{bin, params};
use epistemic_tests::{Client, Value, WireError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::Place;

/// Times that it goes from one place to the other for one request. Between the handover and the admission, and during an
/// abort, each names the other.
const HOPS: usize = 10_000;
/// So often it goes on when it was told to stop.
const PATIENT: usize = 8;
const PACE: Duration = Duration::from_millis(3);
/// A fence that a dead mover left ends with its lease.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) struct Keeper {
    graph: String,
    places: [Place; 2],
    connections: [Client; 2],
    /// The nodes, if there is to be a graph.
    model: Option<BTreeSet<String>>,
    written: usize,
    /// It is to come to an end.
    stopped: Arc<AtomicBool>,
}

impl Keeper {
    /// Creates the graph at the first place, with so many nodes.
    pub(super) fn create(graph: &str, places: [Place; 2], nodes: usize) -> Result<Self> {
        let connect = |place: &Place| Client::connect(&place.endpoint, "test-secret");
        let connections = [connect(&places[0])?, connect(&places[1])?];
        let (graph, stopped) = (graph.to_owned(), Arc::default());
        let mut keeper = Self { graph, places, connections, model: None, written: 0, stopped };
        ensure!(keeper.begin()?, "it was not created");
        for _ in 0..nodes {
            ensure!(keeper.add()?, "a node was not added");
        }
        Ok(keeper)
    }

    /// Set to have it stop.
    pub(super) fn stopper(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stopped)
    }

    /// Does this and that until it is stopped.
    pub(super) fn work(&mut self, seed: u64) -> Result<()> {
        let mut random = StdRng::seed_from_u64(seed);
        while !self.stopped.load(Ordering::SeqCst) {
            match random.random_range(0..100) {
                _ if self.model.is_none() => drop(self.begin()?),
                0..70 => drop(self.add()?),
                70..92 => self.remove()?,
                92..94 => {
                    if self.request("ClearGraph", None)? {
                        self.model = Some(BTreeSet::new());
                    }
                }
                _ => self.rebuild(random.random())?,
            }
            pause(PACE.mul_f64(random.random_range(0.0..2.0)));
        }
        Ok(())
    }

    /// The graph is where it is served, with exactly what was acknowledged, and takes writes; a deleted one can be created.
    pub(super) fn check(&mut self) -> Result<()> {
        for place in 0..2 {
            let nodes = match self.connections[place].call(&self.graph, "NodeIds", None) {
                Ok(nodes) => nodes,
                Err(WireError::Server(_)) => continue,
                Err(error) => return Err(error.into()),
            };
            let nodes = nodes.as_array().context("NodeIds")?.iter().filter_map(Value::as_str);
            let nodes: BTreeSet<String> = nodes.map(str::to_owned).collect();
            ensure!(
                self.model.as_ref() == Some(&nodes),
                "place {place} has {nodes:?}, acknowledged were {:?}",
                self.model
            );
        }
        let served = self.serving()?;
        ensure!(
            served.len() == usize::from(self.model.is_some()),
            "{served:?} serve it, to be there: {}",
            self.model.is_some()
        );
        let done = poll(LIMIT, PACE, || {
            let done = if self.model.is_some() { self.add()? } else { self.begin()? };
            anyhow::Ok(done.then_some(()))
        })?;
        done.context("in the end it takes no writes")
    }

    /// The index of the place that serves the graph, if one does.
    pub(super) fn served_at(&mut self) -> Result<Option<usize>> {
        Ok(self.serving()?.first().copied())
    }

    fn serving(&mut self) -> Result<Vec<usize>> {
        let mut serving = Vec::new();
        for place in 0..2 {
            match self.connections[place].call(&self.graph, "NodeCount", None) {
                Ok(_) => serving.push(place),
                Err(WireError::Server(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(serving)
    }

    fn begin(&mut self) -> Result<bool> {
        let graph = self.graph.clone();
        let fields = params([("graph_name", graph.into()), ("graph_type", "Agent".into())]);
        let done = self.request("CreateGraph", fields)?;
        if done {
            self.model = Some(BTreeSet::new());
        }
        Ok(done)
    }

    fn add(&mut self) -> Result<bool> {
        let id = format!("node {}", self.written);
        self.written += 1;
        let fields = params([("node_id", id.as_str().into()), ("properties_msgpack", bin([0x80]))]);
        let done = self.request("AddNode", fields)?;
        if let (true, Some(nodes)) = (done, &mut self.model) {
            nodes.insert(id);
        }
        Ok(done)
    }

    fn remove(&mut self) -> Result<()> {
        let Some(id) = self.model.as_ref().and_then(|nodes| nodes.first().cloned()) else { return Ok(()) };
        let done = self.request("RemoveNode", params([("node_id", id.as_str().into())]))?;
        if let (true, Some(nodes)) = (done, &mut self.model) {
            nodes.remove(&id);
        }
        Ok(())
    }

    /// Deletes the graph, and mostly creates it again with as many nodes.
    fn rebuild(&mut self, create: bool) -> Result<()> {
        let graph = self.graph.clone();
        let nodes = self.model.as_ref().map_or(0, BTreeSet::len);
        if !self.request("DeleteGraph", params([("graph_name", graph.into())]))? {
            return Ok(());
        }
        self.model = None;
        if create && self.begin()? {
            for _ in 0..nodes {
                self.add()?;
            }
        }
        Ok(())
    }

    /// Whether a request was done. It asks the first place, and goes where it is sent; it gives up while writes are stopped.
    fn request(&mut self, method: &str, fields: Option<Value>) -> Result<bool> {
        let mut place = 0;
        for hop in 0..HOPS {
            let text = match self.connections[place].call(&self.graph, method, fields.clone()) {
                Ok(_) => return Ok(true),
                Err(WireError::Server(text)) => text,
                Err(error) => return Err(error.into()),
            };
            let other = &self.places[1 - place].name;
            let is_missing = text == format!("Graph '{}' not found", self.graph);
            if ["MOVED: ", "ARRIVING: "].iter().any(|code| text.starts_with(code)) {
                ensure!(text.contains(other.as_str()), "{method}: {text}");
                place = 1 - place;
                pause(PACE / 3);
            } else if text.starts_with("MOVING: ") || (is_missing && self.model.is_none()) {
                return Ok(false);
            } else {
                bail!("{method} at place {place}, there is to be a graph: {}: {text}", self.model.is_some());
            }
            if self.stopped.load(Ordering::SeqCst) && hop > PATIENT {
                return Ok(false);
            }
        }
        bail!("{method} is sent from place to place")
    }
}
