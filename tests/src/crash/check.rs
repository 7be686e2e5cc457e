//! The check after a restart: what the server holds against what it must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result, ensure};

use super::load::{Writers, lock};
use super::model::{Domain, GraphState, MAIN_GRAPH};
use crate::server::ServerProcess;
use crate::wire::{Client, Value, field, params, unpack};

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
        self.differences
            .iter()
            .filter(|difference| difference.kind == kind)
            .count()
    }

    /// An error that lists the first differences, unless there are none.
    pub fn into_result(self) -> Result<()> {
        let shown: Vec<String> = self
            .differences
            .iter()
            .take(20)
            .map(|d| format!("  {d}"))
            .collect();
        ensure!(
            shown.is_empty(),
            "{} differences, the first:\n{}",
            self.differences.len(),
            shown.join("\n")
        );
        Ok(())
    }

    fn add(&mut self, kind: Kind, text: String) {
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
        let same = expected
            .ledger
            .iter()
            .zip(&actual.ledger)
            .take_while(|(e, a)| e == a)
            .count();
        let (e, a) = (expected.ledger.get(same), actual.ledger.get(same));
        let lengths = (expected.ledger.len(), actual.ledger.len());
        all.add(
            Kind::Ledger,
            format!("{graph:?} line {same} of {lengths:?}: {e:?}, found {a:?}"),
        );
    }
}

fn keys_of_both<'a, K: Ord, V>(a: &'a BTreeMap<K, V>, b: &'a BTreeMap<K, V>) -> BTreeSet<&'a K> {
    a.keys().chain(b.keys()).collect()
}

/// The names of all graphs but the server's own, which start with two underscores.
fn graph_names(client: &mut Client) -> Result<Vec<String>> {
    let list = client.call("__commons__", "ListGraphs", None)?;
    let names = list.as_array().context("ListGraphs is no array")?.iter();
    let names = names.map(|entry| text(field(entry, "name").context("ListGraphs without a name")?));
    names
        .filter(|name| !name.as_ref().is_ok_and(|name| name.starts_with("__")))
        .collect()
}

fn read_graph(client: &mut Client, graph: &str, verdict: &mut Verdict) -> Result<GraphState> {
    let mut state = GraphState::default();
    let ids = client.call(graph, "NodeIds", None)?;
    let batch = client.call(
        graph,
        "GetNodePropertiesBatch",
        params([("node_ids", ids.clone())]),
    )?;
    let batch = unpack(batch.as_slice().context("GetNodePropertiesBatch is no bin")?)?;
    for pair in batch.as_array().context("GetNodePropertiesBatch is no array")? {
        match pair.as_array().map(Vec::as_slice) {
            Some([id, Value::Binary(bytes)]) => {
                state.nodes.insert(text(id)?, bytes.clone());
            }
            _ => verdict.add(
                Kind::Inconsistent,
                format!("{graph:?}: in NodeIds, but has no properties: {pair}"),
            ),
        }
    }
    let mut degrees: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let edges = client.call(graph, "GetEdges", None)?;
    let edges = edges.as_array().context("GetEdges is no array")?;
    for edge in edges {
        let [source, target, properties] = edge.as_array().map_or(&[][..], Vec::as_slice) else {
            anyhow::bail!("GetEdges: {edge}");
        };
        let (source, target) = (text(source)?, text(target)?);
        degrees.entry(source.clone()).or_default().0 += 1;
        degrees.entry(target.clone()).or_default().1 += 1;
        state
            .edges
            .entry((source, target))
            .or_default()
            .push(int_bytes(properties)?);
    }
    let ledger = client.call(graph, "GetLedger", None)?;
    state.ledger = ledger
        .as_array()
        .context("GetLedger is no array")?
        .iter()
        .map(text)
        .collect::<Result<_>>()?;

    let counts = (
        client.call(graph, "NodeCount", None)?,
        client.call(graph, "EdgeCount", None)?,
    );
    let listed = (
        Value::from(ids.as_array().map_or(0, Vec::len)),
        Value::from(edges.len()),
    );
    if counts != listed {
        verdict.add(
            Kind::Inconsistent,
            format!("{graph:?}: counts {counts:?}, but lists have {listed:?}"),
        );
    }
    for id in state.nodes.keys() {
        let node = || params([("node_id", id.as_str().into())]);
        let (out, into) = degrees.remove(id).unwrap_or_default();
        let found = (
            client.call(graph, "OutDegree", node())?,
            client.call(graph, "InDegree", node())?,
        );
        if found != (out.into(), into.into()) {
            verdict.add(
                Kind::Inconsistent,
                format!("{graph:?} {id}: degrees {found:?}, edges {:?}", (out, into)),
            );
        }
    }
    for (id, _) in degrees {
        verdict.add(
            Kind::Inconsistent,
            format!("{graph:?}: an edge at the missing node {id}"),
        );
    }
    Ok(state)
}

/// Every node carries its domain as `type`, so the label index must list exactly the domain's nodes.
fn check_label(client: &mut Client, domain: &str, part: &GraphState, verdict: &mut Verdict) -> Result<()> {
    let fields = [("label", domain.into()), ("limit", 0.into())];
    let found = client.call(MAIN_GRAPH, "GetNodesByLabel", params(fields))?;
    let found = found.as_array().context("GetNodesByLabel is no array")?;
    let ids = found
        .iter()
        .map(|pair| text(&pair[0]))
        .collect::<Result<BTreeSet<String>>>()?;
    if !ids.iter().eq(part.nodes.keys()) {
        let text = format!(
            "label {domain}: {} nodes, but {} carry it",
            ids.len(),
            part.nodes.len()
        );
        verdict.add(Kind::Inconsistent, text);
    }
    Ok(())
}

fn split_by_domain(state: GraphState) -> BTreeMap<String, GraphState> {
    let domain = |id: &str| id.split(':').next().unwrap_or_default().to_owned();
    let mut parts: BTreeMap<String, GraphState> = BTreeMap::new();
    for (id, bytes) in state.nodes {
        parts.entry(domain(&id)).or_default().nodes.insert(id, bytes);
    }
    for (pair, bytes) in state.edges {
        parts
            .entry(domain(&pair.0))
            .or_default()
            .edges
            .insert(pair, bytes);
    }
    for line in state.ledger {
        let id = line.split('|').nth(1).unwrap_or_default();
        parts.entry(domain(id)).or_default().ledger.push(line);
    }
    parts
}

fn text(value: &Value) -> Result<String> {
    Ok(value
        .as_str()
        .with_context(|| format!("not a string: {value}"))?
        .to_owned())
}

fn int_bytes(value: &Value) -> Result<Vec<u8>> {
    let ints = value.as_array().context("edge properties are no array")?;
    let byte = |int: &Value| int.as_u64().and_then(|int| u8::try_from(int).ok());
    ints.iter()
        .map(|int| byte(int).context("edge properties are no bytes"))
        .collect()
}
