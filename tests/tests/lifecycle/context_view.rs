//! `GetContextView`: what fits, nearest first, against a walk over lists.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context, Result};
use epistemic_tests::seed::{generator, seed};
use epistemic_tests::wire::{field, params};
use epistemic_tests::{Client, ServerProcess, Value};
use rand::RngExt;

use super::{props, strings};

/// An edge as the answer shows it.
type Shown = (String, String, Vec<u8>);

#[derive(Default)]
struct Model {
    /// Id: property bytes.
    nodes: BTreeMap<String, Vec<u8>>,
    /// In insertion order.
    edges: Vec<Shown>,
}

impl Model {
    fn add_node(&mut self, client: &mut Client, id: &str, properties: Vec<u8>) -> Result<()> {
        client.add_node("g", id, &properties)?;
        self.nodes.insert(id.into(), properties);
        Ok(())
    }

    fn add_edge(&mut self, client: &mut Client, source: &str, target: &str, properties: &[u8]) -> Result<()> {
        client.add_edge("g", source, target, properties)?;
        self.edges.push((source.into(), target.into(), properties.to_vec()));
        Ok(())
    }

    /// Nodes, bytes used, and edges between the nodes.
    fn view(&self, start: &str, budget: usize) -> (Vec<String>, usize, Vec<Shown>) {
        let (mut taken, mut used) = (Vec::new(), 0);
        let mut seen = vec![start.to_owned()];
        let mut queue = VecDeque::from([start.to_owned()]);
        while let Some(id) = queue.pop_front() {
            let Some(properties) = self.nodes.get(&id) else { continue };
            if used + id.len() + properties.len() > budget {
                if taken.is_empty() {
                    break;
                }
                continue;
            }
            used += id.len() + properties.len();
            let newest_first = || self.edges.iter().rev();
            let outgoing = newest_first().filter(|edge| edge.0 == id).map(|edge| &edge.1);
            for next in outgoing.chain(newest_first().filter(|edge| edge.1 == id).map(|edge| &edge.0)) {
                if !seen.contains(next) {
                    seen.push(next.clone());
                    queue.push_back(next.clone());
                }
            }
            taken.push(id);
        }
        let edges = taken.iter().flat_map(|source| {
            self.edges.iter().rev().filter(|edge| edge.0 == *source && taken.contains(&edge.1)).cloned()
        });
        let edges = edges.collect();
        (taken, used, edges)
    }

    fn check(&self, client: &mut Client, start: &str, max_tokens: u32) -> Result<()> {
        let fields = [("agent_id", start.into()), ("max_tokens", max_tokens.into())];
        let answer = client.call("g", "GetContextView", params(fields))?;
        let told = format!("{start:?} within {max_tokens}: {answer}");
        let part = |name: &str| field(&answer, name).with_context(|| told.clone());
        let (nodes, used, edges) = self.view(start, 4 * max_tokens as usize);
        assert_eq!(part("agent_id")?, &Value::from(start), "{told}");
        assert_eq!(part("budget_max")?, &Value::from(max_tokens), "{told}");
        assert_eq!(part("budget_used")?, &Value::from(used as u64 / 4), "{told}");
        assert_eq!(strings(part("nodes")?)?, nodes, "{told}");
        let shown = part("edges")?.as_array().context("edges")?.iter().map(shown);
        assert_eq!(shown.collect::<Option<Vec<_>>>(), Some(edges), "{told}");
        assert_eq!(answer.as_map().map(Vec::len), Some(5));
        Ok(())
    }
}

fn shown(edge: &Value) -> Option<Shown> {
    let [source, target, properties] = edge.as_array()?.as_slice() else { return None };
    let bytes = properties.as_array()?.iter().map(|byte| byte.as_u64()?.try_into().ok());
    Some((source.as_str()?.into(), target.as_str()?.into(), bytes.collect::<Option<_>>()?))
}

#[test]
fn what_does_not_fit_is_passed_over_with_its_edges() -> Result<()> {
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let mut model = Model::default();
    model.add_node(&mut client, "agent", b"\x80".to_vec())?;
    for (id, bytes) in [("small", 1), ("big", 400), ("behind the big one", 1), ("medium", 40)] {
        model.add_node(&mut client, id, props([("text", "x".repeat(bytes).into())]))?;
    }
    for (source, target) in [
        ("agent", "medium"),
        ("agent", "big"),
        ("small", "agent"),
        ("big", "behind the big one"),
        ("small", "big"),
    ] {
        model.add_edge(&mut client, source, target, b"\x81\xa1w\x01")?;
    }
    model.add_edge(&mut client, "agent", "agent", b"\xff")?;
    let (nodes, _, edges) = model.view("agent", 4 * 40);
    assert_eq!((nodes.join(" "), edges.len()), ("agent medium small".into(), 3), "the model itself");
    for max_tokens in [0, 1, 2, 5, 20, 40, 110, 130, 1000, u32::MAX] {
        for start in ["agent", "small", "big", "missing"] {
            model.check(&mut client, start, max_tokens)?;
        }
    }
    Ok(())
}

#[test]
fn random_graphs_and_budgets() -> Result<()> {
    let random = &mut generator(seed("random_graphs_and_budgets"), 0);
    let server = ServerProcess::ours().in_memory().start()?;
    let mut client = server.client()?;
    for _ in 0..30 {
        client.create_graph("g")?;
        let mut model = Model::default();
        let ids: Vec<String> =
            (0..random.random_range(1..12)).map(|number| format!("{}", number * 13)).collect();
        for id in &ids {
            let bytes = random.random_range(0..30_usize).pow(2);
            model.add_node(&mut client, id, vec![0xc0; bytes])?;
        }
        for _ in 0..random.random_range(0..30) {
            let [source, target] = [(); 2].map(|()| &ids[random.random_range(0..ids.len())]);
            model.add_edge(&mut client, source, target, &[random.random()])?;
        }
        for _ in 0..10 {
            let start = &ids[random.random_range(0..ids.len())];
            model.check(&mut client, start, random.random_range(0..1000))?;
        }
        client.call("g", "DeleteGraph", params([("graph_name", "g".into())]))?;
    }
    Ok(())
}
