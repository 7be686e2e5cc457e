//! The check after a restart: what the server holds against what it must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Result, ensure};

use super::domain::Domain;
use super::graph::GraphState;
use super::load::{Writers, lock};
use super::read::{check_label, graph_names, read_embeddings, read_graph, read_service, split_by_domain};
use super::state::{MAIN_GRAPH, State};
use crate::server::ServerProcess;

/// What kind of difference was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An acknowledged graph is gone.
    GraphLost,
    /// A graph that was never created, or whose deletion was acknowledged.
    GraphUnexpected,
    /// An acknowledged node is gone.
    NodeLost,
    /// A node that was never added, or whose removal was acknowledged.
    NodeUnexpected,
    /// A node with other properties than the acknowledged ones.
    NodeValue,
    /// The parallel edges of a pair differ.
    Edges,
    /// The embeddings differ.
    Embeddings,
    /// The ledger differs.
    Ledger,
    /// An open channel, or one that should be open, differs.
    Channel,
    /// An identity differs.
    Identity,
    /// Two answers of the server contradict each other.
    Inconsistent,
}

/// One difference between what was acknowledged and what was found.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Its kind.
    pub kind: Kind,
    /// Graph, key, expected and actual value.
    pub text: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.text)
    }
}

/// Result of a check.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Everything that is wrong; empty when all is well.
    pub differences: Vec<Difference>,
    /// Operations in flight at the kill that were found done.
    pub in_flight_done: usize,
    /// Operations in flight at the kill that were found not done.
    pub in_flight_not_done: usize,
}

impl Verdict {
    /// The number of differences of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        self.differences.iter().filter(|difference| difference.kind == kind).count()
    }

    /// An error that lists the first differences, unless there are none.
    pub fn into_result(self) -> Result<()> {
        let shown: Vec<String> = self.differences.iter().take(20).map(|d| format!("  {d}")).collect();
        ensure!(shown.is_empty(), "{} differences, the first:\n{}", self.differences.len(), shown.join("\n"));
        Ok(())
    }

    pub(super) fn add(&mut self, kind: Kind, text: String) {
        self.differences.push(Difference { kind, text });
    }
}

impl Writers {
    /// Compares every domain with the server's content. Operations in flight are settled as they are found: the first ones
    /// done and the others not. Writing can go on if there are no differences.
    pub fn check(&mut self, server: &ServerProcess) -> Result<Verdict> {
        let mut verdict = Verdict::default();
        let mut found = self.read(server, &mut verdict)?;
        for domain in &self.domains {
            let mut domain = lock(domain);
            let actual = found.remove(&domain.name).unwrap_or_else(State::empty);
            settle(&mut domain, &actual, &mut verdict);
        }
        for (name, state) in found {
            verdict.add(Kind::GraphUnexpected, format!("content of an unknown domain {name}: {state:?}"));
        }
        Ok(verdict)
    }

    /// What the server holds, by domain. Answers that contradict each other go to the verdict.
    pub(super) fn read(
        &self,
        server: &ServerProcess,
        verdict: &mut Verdict,
    ) -> Result<BTreeMap<String, State>> {
        let mut client = self.connect(server)?;
        let mut found = if self.mix.service > 0 { read_service(&mut client)? } else { BTreeMap::new() };
        for graph in graph_names(&mut client)? {
            let mut state = read_graph(&mut client, &graph, verdict)?;
            if self.mix.whole > 0 {
                read_embeddings(&mut client, &graph, &mut state)?;
            }
            if graph == MAIN_GRAPH {
                for (domain, part) in split_by_domain(state) {
                    check_label(&mut client, &domain, &part, verdict)?;
                    found.entry(domain).or_default().graphs.insert(graph.clone(), part);
                }
            } else {
                let domain = graph.split('/').next().unwrap_or_default().to_owned();
                found.entry(domain).or_default().graphs.insert(graph, state);
            }
        }
        for state in found.values_mut() {
            state.graphs.entry(MAIN_GRAPH.into()).or_default();
        }
        Ok(found)
    }
}

/// Takes so many operations in flight as done as fits best what was found, and reports what does not fit.
fn settle(domain: &mut Domain, actual: &State, verdict: &mut Verdict) {
    let in_flight: Vec<_> = domain.in_flight.drain(..).collect();
    let mut state = domain.state.clone();
    let mut best = (0, differences(&state, actual), state.clone());
    for (index, op) in in_flight.iter().enumerate() {
        if best.1.is_empty() {
            break;
        }
        state.apply(op);
        let found = differences(&state, actual);
        if found.len() < best.1.len() {
            best = (index + 1, found, state.clone());
        }
    }
    let (done, found, state) = best;
    verdict.in_flight_done += done;
    verdict.in_flight_not_done += in_flight.len() - done;
    verdict.differences.extend(found);
    domain.state = state;
}

pub(super) fn differences(expected: &State, actual: &State) -> Vec<Difference> {
    let mut all = Verdict::default();
    for graph in keys_of_both(&expected.graphs, &actual.graphs) {
        match (expected.graphs.get(graph), actual.graphs.get(graph)) {
            (Some(_), None) => all.add(Kind::GraphLost, format!("{graph:?}")),
            (None, Some(_)) => all.add(Kind::GraphUnexpected, format!("{graph:?}")),
            (Some(expected), Some(actual)) => compare_graph(graph, expected, actual, &mut all),
            (None, None) => {}
        }
    }
    compare(Kind::Channel, "channel", &expected.channels, &actual.channels, &mut all);
    compare(Kind::Identity, "identity", &expected.identities, &actual.identities, &mut all);
    all.differences
}

/// Values of one kind, by key.
fn compare<K: Ord + fmt::Debug, V: PartialEq + fmt::Debug>(
    kind: Kind,
    what: &str,
    expected: &BTreeMap<K, V>,
    actual: &BTreeMap<K, V>,
    all: &mut Verdict,
) {
    for key in keys_of_both(expected, actual) {
        let (e, a) = (expected.get(key), actual.get(key));
        if e != a {
            all.add(kind, format!("{what} {key:?}: {e:x?}, found {a:x?}"));
        }
    }
}

fn compare_graph(graph: &str, expected: &GraphState, actual: &GraphState, all: &mut Verdict) {
    for id in keys_of_both(&expected.nodes, &actual.nodes) {
        match (expected.nodes.get(id), actual.nodes.get(id)) {
            (Some(_), None) => all.add(Kind::NodeLost, format!("{graph:?} {id}")),
            (None, Some(_)) => all.add(Kind::NodeUnexpected, format!("{graph:?} {id}")),
            (e, a) if e != a => all.add(Kind::NodeValue, format!("{graph:?} {id}: {e:x?}, found {a:x?}")),
            _ => {}
        }
    }
    let what = |what: &str| format!("{graph:?} {what}");
    compare(Kind::Edges, &what("edges"), &expected.edges, &actual.edges, all);
    compare(Kind::Embeddings, &what("embedding"), &expected.embeddings, &actual.embeddings, all);
    let (expected, actual) = (expected.comparable_ledger(), actual.comparable_ledger());
    if expected != actual {
        let same = expected.iter().zip(&actual).take_while(|(e, a)| e == a).count();
        let (e, a) = (expected.get(same), actual.get(same));
        let lengths = (expected.len(), actual.len());
        all.add(Kind::Ledger, format!("{graph:?} line {same} of {lengths:?}: {e:?}, found {a:?}"));
    }
}

fn keys_of_both<'a, K: Ord, V>(a: &'a BTreeMap<K, V>, b: &'a BTreeMap<K, V>) -> BTreeSet<&'a K> {
    a.keys().chain(b.keys()).collect()
}
