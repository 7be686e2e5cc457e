//! The check after a restart: what the server holds against what it must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Result, ensure};

use super::load::{Writers, lock};
use super::model::{Domain, GraphState, MAIN_GRAPH};
use super::read::{check_label, graph_names, read_graph, split_by_domain};
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
    /// The ledger differs.
    Ledger,
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
    /// Compares every domain with the server's content. Operations in flight are settled as they are found,
    /// so that writing can go on if there are no differences.
    pub fn check(&mut self, server: &ServerProcess) -> Result<Verdict> {
        let mut client = server.client()?;
        let mut verdict = Verdict::default();
        let mut found: BTreeMap<String, BTreeMap<String, GraphState>> = BTreeMap::new();
        for graph in graph_names(&mut client)? {
            let state = read_graph(&mut client, &graph, &mut verdict)?;
            if graph == MAIN_GRAPH {
                for (domain, part) in split_by_domain(state) {
                    check_label(&mut client, &domain, &part, &mut verdict)?;
                    found.entry(domain).or_default().insert(graph.clone(), part);
                }
            } else {
                let domain = graph.split('/').next().unwrap_or_default().to_owned();
                found.entry(domain).or_default().insert(graph, state);
            }
        }
        for domain in &self.domains {
            let mut domain = lock(domain);
            let mut actual = found.remove(&domain.name).unwrap_or_default();
            actual.entry(MAIN_GRAPH.into()).or_default();
            settle(&mut domain, &actual, &mut verdict);
        }
        for (name, graphs) in found {
            verdict.add(
                Kind::GraphUnexpected,
                format!("content of an unknown domain {name}: {:?}", graphs.keys()),
            );
        }
        Ok(verdict)
    }
}

/// Takes the operation in flight as done or not, whichever fits what was found, and reports what does not.
fn settle(domain: &mut Domain, actual: &BTreeMap<String, GraphState>, verdict: &mut Verdict) {
    let without = differences(&domain.graphs, actual);
    let Some(op) = domain.in_flight.take() else {
        verdict.differences.extend(without);
        return;
    };
    let mut graphs = domain.graphs.clone();
    op.apply(&mut graphs);
    let with = differences(&graphs, actual);
    if with.len() < without.len() {
        verdict.in_flight_done += 1;
        domain.graphs = graphs;
        verdict.differences.extend(with);
    } else {
        verdict.in_flight_not_done += 1;
        verdict.differences.extend(without);
    }
}

fn differences(
    expected: &BTreeMap<String, GraphState>,
    actual: &BTreeMap<String, GraphState>,
) -> Vec<Difference> {
    let mut all = Verdict::default();
    for graph in keys_of_both(expected, actual) {
        match (expected.get(graph), actual.get(graph)) {
            (Some(_), None) => all.add(Kind::GraphLost, format!("{graph:?}")),
            (None, Some(_)) => all.add(Kind::GraphUnexpected, format!("{graph:?}")),
            (Some(expected), Some(actual)) => compare_graph(graph, expected, actual, &mut all),
            (None, None) => {}
        }
    }
    all.differences
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
    for pair in keys_of_both(&expected.edges, &actual.edges) {
        let (e, a) = (expected.edges.get(pair), actual.edges.get(pair));
        if e != a {
            all.add(Kind::Edges, format!("{graph:?} {pair:?}: {e:x?}, found {a:x?}"));
        }
    }
    if expected.ledger != actual.ledger {
        let same = expected.ledger.iter().zip(&actual.ledger).take_while(|(e, a)| e == a).count();
        let (e, a) = (expected.ledger.get(same), actual.ledger.get(same));
        let lengths = (expected.ledger.len(), actual.ledger.len());
        all.add(Kind::Ledger, format!("{graph:?} line {same} of {lengths:?}: {e:?}, found {a:?}"));
    }
}

fn keys_of_both<'a, K: Ord, V>(a: &'a BTreeMap<K, V>, b: &'a BTreeMap<K, V>) -> BTreeSet<&'a K> {
    a.keys().chain(b.keys()).collect()
}
