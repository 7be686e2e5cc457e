//! Short walks straight from storage: what reaches little of a graph needs no projection of all of it.

use std::collections::{HashMap, HashSet, VecDeque};

use epistemic_storage::graph::GraphReader;

use crate::request::{computation::Computation, error::ReadError};

/// Edges followed before the whole graph is projected instead.
const MAX_EDGES: usize = 5_000;

/// The nodes within `max_depth` edges of `start`, as [`crate::analytics::blast_radius`] would find them. `None`: the
/// projection is there already, or the walk is long.
pub(super) fn blast_radius(
    computation: &Computation<'_>,
    start: &str,
    max_depth: usize,
) -> Result<Option<Vec<String>>, ReadError> {
    if computation.projected() {
        return Ok(None);
    }
    let view = computation.shard.graphs.read_view();
    let reader = GraphReader::new(&*view, computation.graph);
    let mut reached = HashSet::from([start.to_owned()]);
    let mut found = vec![start.to_owned()];
    let (mut level, mut edges) = (0..1, 0);
    for _ in 0..max_depth {
        if level.is_empty() {
            break;
        }
        for place in level.clone() {
            let successors = reader.successors(&found[place])?;
            edges += successors.len();
            if edges > MAX_EDGES {
                return Ok(None);
            }
            found.extend(successors.into_iter().filter(|next| reached.insert(next.clone())));
        }
        level = level.end..found.len();
    }
    found.remove(0);
    Ok(Some(found))
}

/// A path with the fewest edges, as [`crate::analytics::shortest_path`] would find it; the inner `None`: there is none. The
/// outer `None`: the projection is there already, or the walk is long.
#[expect(clippy::option_option, reason = "no walk and no path are two things")]
pub(super) fn shortest_path(
    computation: &Computation<'_>,
    source: &str,
    target: &str,
) -> Result<Option<Option<Vec<String>>>, ReadError> {
    if computation.projected() {
        return Ok(None);
    }
    let view = computation.shard.graphs.read_view();
    let reader = GraphReader::new(&*view, computation.graph);
    if !reader.has_node(source)? || !reader.has_node(target)? {
        return Ok(Some(None));
    }
    let mut came_from: HashMap<String, Option<String>> = HashMap::from([(source.to_owned(), None)]);
    let mut queue = VecDeque::from([source.to_owned()]);
    let mut edges = 0;
    while let Some(node) = queue.pop_front() {
        if node == target {
            return Ok(Some(Some(trace(&came_from, node))));
        }
        let successors = reader.successors(&node)?;
        edges += successors.len();
        if edges > MAX_EDGES {
            return Ok(None);
        }
        for next in successors {
            if !came_from.contains_key(&next) {
                came_from.insert(next.clone(), Some(node.clone()));
                queue.push_back(next);
            }
        }
    }
    Ok(Some(None))
}

fn trace(came_from: &HashMap<String, Option<String>>, end: String) -> Vec<String> {
    let mut path = vec![end];
    while let Some(Some(before)) = path.last().and_then(|node| came_from.get(node)) {
        path.push(before.clone());
    }
    path.reverse();
    path
}
