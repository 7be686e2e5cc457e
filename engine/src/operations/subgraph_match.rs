//! `Vf2SubgraphMatch`: the pattern is another graph of the shard.

use std::collections::HashMap;

use epistemic_protocol::ErrorCode;
use epistemic_storage::{StoreError, graph::GraphReader};

use serde::Deserialize;

use super::graph_pair::Pair;
use crate::{
    analytics::{Constraints, subgraph_matches},
    projection::Ids,
    request::{
        computation::Computation,
        error::{OpError, ReadError},
    },
    wanted::Wanted,
    wire::{DecodeError, Method, Params, encode, response, text},
};

/// Nodes and edges of a pattern.
const MAX_PATTERN: u64 = 1_000;
const MAX_MATCHES: usize = 1_000_000;

/// `Vf2SubgraphMatch`
#[derive(Debug, Deserialize)]
pub(crate) struct SubgraphMatch<'a> {
    /// Graph to be found.
    #[serde(borrow, deserialize_with = "text")]
    pattern_graph_name: &'a str,
    /// Matches to end with; 0 is the server's bound.
    #[serde(default)]
    max_results: usize,
}

/// The second graph that it reads.
pub(super) fn pattern_graph(method: Method, raw: Option<&[u8]>) -> Result<&str, DecodeError> {
    SubgraphMatch::decode(method, raw).map(|params| params.pattern_graph_name)
}

/// `Vf2SubgraphMatch`
pub(super) fn find(
    computation: &Computation<'_>,
    SubgraphMatch { pattern_graph_name, max_results }: SubgraphMatch<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let coded = computation.request.reply_to().coded;
    let pair = Pair::find(computation, pattern_graph_name, "Pattern")?;
    let (reader, pattern_reader) = pair.readers();
    let Computation { shard, cancel, .. } = computation;
    let state = pattern_reader.counters().map_err(|error| pair.of_other(shard, error))?;
    if state.nodes + state.edges > MAX_PATTERN {
        let (nodes, edges) = (state.nodes, state.edges);
        return Err(OpError::Text(format!(
            "pattern graph '{pattern_graph_name}' has {nodes} nodes and {edges} edges, {MAX_PATTERN} in all are the most"
        ))
        .into());
    }
    let target = shard.projections.at(&shard.graphs, &pair.this, pair.view(), cancel)?;
    let pattern = shard.projections.build(&pattern_reader, &state, &pair.other, cancel);
    let pattern = pattern.map_err(|error| pair.of_other(shard, error))?;
    let wanted = read_pattern(&pattern_reader, &pattern.ids).map_err(|error| pair.of_other(shard, error))?;
    let mut constraints = Properties { reader, ids: &target.ids, wanted: &wanted };
    let most = MAX_MATCHES.min(computation.room.max() / (4 * pattern.ids.len().max(1)));
    let most = if max_results > 0 { most.min(max_results) } else { most };
    let found = subgraph_matches(&pattern.topology, &target.topology, &mut constraints, most, cancel)?;
    // Clients from 2.27 on are told that there are more.
    if found.truncated && !coded {
        let text = format!("over {most} matches; narrow the pattern");
        return Err(OpError::Refused(ErrorCode::ResultTooLarge, text).into());
    }
    response::bin_of(out, |out| {
        if coded {
            encode::map(out, 2);
            encode::str(out, "truncated");
            encode::bool(out, found.truncated);
            encode::str(out, "matches");
        }
        encode::array(out, found.iter().len());
        for targets in found.iter() {
            encode::map(out, targets.len());
            for (id, &node) in pattern.ids.iter().zip(targets) {
                encode::str(out, id);
                encode::str(out, target.ids.get(node));
            }
            computation.room.check(out.len())?;
        }
        Ok(())
    })
}

/// What a pattern demands of properties.
struct Pattern {
    nodes: HashMap<u32, Wanted>,
    edges: HashMap<(u32, u32), Vec<Wanted>>,
}

fn read_pattern(reader: &GraphReader<'_>, ids: &Ids) -> Result<Pattern, StoreError> {
    let mut pattern = Pattern { nodes: HashMap::new(), edges: HashMap::new() };
    reader.for_each_node(|id, _, properties| -> Result<(), StoreError> {
        if let Some(node) = ids.number(id) {
            pattern.nodes.insert(node, Wanted::by(properties));
        }
        Ok(())
    })?;
    reader.for_each_edge(|source, target, _, properties| -> Result<(), StoreError> {
        if let (Some(source), Some(target)) = (ids.number(source), ids.number(target)) {
            pattern.edges.entry((source, target)).or_default().push(Wanted::by(properties));
        }
        Ok(())
    })?;
    Ok(pattern)
}

/// Properties of the graph that is searched, read when the structure fits.
struct Properties<'a> {
    reader: GraphReader<'a>,
    ids: &'a Ids,
    wanted: &'a Pattern,
}

impl Constraints for Properties<'_> {
    type Error = ReadError;

    fn node_fits(&mut self, pattern: u32, target: u32) -> Result<bool, ReadError> {
        match self.wanted.nodes.get(&pattern) {
            None | Some(Wanted::Anything) => Ok(true),
            Some(wanted) => {
                let node = self.reader.node(self.ids.get(target))?;
                Ok(node.is_some_and(|node| wanted.fits(&node.properties)))
            }
        }
    }

    fn edges_fit(&mut self, pattern: (u32, u32), target: (u32, u32)) -> Result<bool, ReadError> {
        let Some(wanted) = self.wanted.edges.get(&pattern) else { return Ok(false) };
        if wanted.iter().all(|wanted| matches!(wanted, Wanted::Anything)) {
            return Ok(true);
        }
        let edges = self.reader.edges_between(self.ids.get(target.0), self.ids.get(target.1))?;
        Ok(wanted.iter().all(|wanted| edges.iter().any(|edge| wanted.fits(&edge.properties))))
    }
}
