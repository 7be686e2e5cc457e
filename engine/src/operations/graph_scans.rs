//! Reads of much of a graph, each on one read view.

use std::collections::HashSet;

use epistemic_storage::{
    graph::{GraphError, GraphReader, LedgerRecord},
    view,
};
use serde::Deserialize;

use super::rows::Rows;
use crate::{
    compute_pool::scan_on,
    memory::Room,
    request::{
        computation::Computation,
        error::{OpError, ReadError},
        graph_read::{GraphRead, in_slices},
    },
    wire::{NoParams, NodeIds, decoded_or_empty, decoded_or_nil, encode, response, text, text_or_nil},
};

/// `GetNodesByLabel`
#[derive(Debug, Deserialize)]
pub(crate) struct NodesByLabel<'a> {
    /// Upper and lower case differ.
    #[serde(borrow, deserialize_with = "text")]
    label: &'a str,
    /// The node behind which to go on; from the first one without it.
    #[serde(borrow, default, deserialize_with = "text_or_nil")]
    after: Option<&'a str>,
    /// Most nodes to return; 0 is no limit.
    limit: usize,
}

/// `GetNodes`
pub(super) fn nodes(read: &GraphRead<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), ReadError> {
    read.view(|reader| {
        let mut rows = Rows::new(read.room);
        reader.for_each_node(|id, sequence, properties| {
            rows.add(sequence, |out| {
                encode::array(out, 2);
                encode::str(out, id);
                decoded_or_empty(out, properties);
            })
        })?;
        Ok(rows.write(out)?)
    })
}

/// `NodeIds`
pub(super) fn node_ids(read: &GraphRead<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), ReadError> {
    read.view(|reader| {
        let mut rows = Rows::new(read.room);
        reader.for_each_node(|id, sequence, _| rows.add(sequence, |out| encode::str(out, id)))?;
        Ok(rows.write(out)?)
    })
}

/// `GetNodesByLabel`
pub(super) fn nodes_by_label(
    read: &GraphRead<'_>,
    NodesByLabel { label, after, limit }: NodesByLabel<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.view(|reader| {
        let behind = match after {
            None => 0,
            Some(id) => {
                let node = reader.node(id)?;
                node.ok_or_else(|| GraphError::NodeNotFound(id.to_owned())).map_err(OpError::from)?.sequence
            }
        };
        let mut rows = Rows::in_order(read.room);
        reader.for_each_by_label(label, behind, limit, |id, properties| {
            rows.next(|out| {
                encode::array(out, 2);
                encode::str(out, id);
                decoded_or_empty(out, properties);
            })
        })?;
        Ok(rows.write(out)?)
    })
}

/// `GetEdges`
pub(super) fn edges(read: &GraphRead<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), ReadError> {
    read.view(|reader| {
        let mut rows = Rows::new(read.room);
        reader.for_each_edge(|source, target, sequence, properties| {
            rows.add(sequence, |out| {
                encode::array(out, 3);
                encode::str(out, source);
                encode::str(out, target);
                response::integers(out, properties);
            })
        })?;
        Ok(rows.write(out)?)
    })
}

/// `GetTriples`
pub(super) fn triples(read: &GraphRead<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), ReadError> {
    read.view(|reader| all_triples(reader, read.room, out))
}

/// `GetSubgraph`: the nodes asked for that exist, each once, and every edge between two of them.
pub(super) fn subgraph(
    read: &GraphRead<'_>,
    NodeIds { node_ids }: NodeIds<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    read.view(|reader| nodes_and_edges_between(reader, node_ids, read.room, out))
}

/// `GetLedger`
pub(super) fn ledger(read: &GraphRead<'_>, _: NoParams, out: &mut Vec<u8>) -> Result<(), ReadError> {
    read.view(|reader| {
        let mut rows = Rows::new(read.room);
        reader.for_each_ledger(0, |sequence, record| {
            if let Some(line) = LedgerRecord::decode(record)?.0.line() {
                rows.add(sequence, |out| encode::str(out, &line))?;
            }
            Ok(())
        })?;
        if read.request.reply_to().coded {
            // Counted in changes, which are never fewer than lines.
            let before = reader.state()?.complete_from.saturating_sub(1);
            encode::map(out, 3);
            encode::str(out, "populated");
            encode::bool(out, true);
            encode::str(out, "watermark");
            encode::uint(out, before);
            encode::str(out, "entries");
        }
        Ok(rows.write(out)?)
    })
}

/// `Fork` without a name: nodes and edges with their properties, and the ledger, of one state.
pub(super) fn copy(computation: &Computation<'_>, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let view = computation.shard.graphs.view();
    let reader = GraphReader::new(&*view, computation.graph);
    let mut nodes = Rows::new(computation.room);
    reader.for_each_node(|id, sequence, properties| {
        scan_on(computation.cancel)?;
        nodes.add(sequence, |out| {
            encode::array(out, 2);
            encode::str(out, id);
            decoded_or_empty(out, properties);
        })
    })?;
    let mut edges = Rows::beside(nodes.in_memory(), computation.room);
    reader.for_each_edge(|source, target, sequence, properties| {
        scan_on(computation.cancel)?;
        edges.add(sequence, |out| {
            encode::array(out, 3);
            encode::str(out, source);
            encode::str(out, target);
            decoded_or_empty(out, properties);
        })
    })?;
    let mut ledger = Rows::beside(nodes.in_memory() + edges.in_memory(), computation.room);
    reader.for_each_ledger(0, |sequence, record| match LedgerRecord::decode(record)?.0.line() {
        Some(line) => ledger.add(sequence, |out| encode::str(out, &line)),
        None => Ok(()),
    })?;
    encode::map(out, 3);
    for (name, rows) in [("nodes", nodes), ("edges", edges), ("ledger", ledger)] {
        encode::str(out, name);
        rows.write(out)?;
    }
    Ok(())
}

fn all_triples(reader: &GraphReader<'_>, room: &Room, out: &mut Vec<u8>) -> Result<(), ReadError> {
    let mut edges = Rows::new(room);
    reader.for_each_edge(|source, target, sequence, properties| {
        edges.add(sequence, |out| triple(out, source, view::edge_predicate(properties), target))
    })?;
    let (mut nodes, mut count) = (Rows::beside(edges.in_memory(), room), edges.len());
    reader.for_each_node(|id, sequence, properties| {
        nodes.add(sequence, |out| {
            for (predicate, object) in view::node_triples(properties) {
                triple(out, id, predicate, &object);
                count += 1;
            }
        })
    })?;
    encode::array(out, count);
    edges.write_items(out)?;
    Ok(nodes.write_items(out)?)
}

fn triple(out: &mut Vec<u8>, subject: &str, predicate: &str, object: &str) {
    encode::array(out, 3);
    for text in [subject, predicate, object] {
        encode::str(out, text);
    }
}

fn nodes_and_edges_between(
    reader: &GraphReader<'_>,
    node_ids: Vec<&str>,
    room: &Room,
    out: &mut Vec<u8>,
) -> Result<(), ReadError> {
    let mut wanted = HashSet::new();
    let ids: Vec<&str> = node_ids.into_iter().filter(|id| wanted.insert(*id)).collect();
    let (mut present, mut nodes) = (Vec::new(), Rows::in_order(room));
    in_slices(&ids, |ids| {
        let mut read = 0;
        for (id, node) in ids.iter().zip(reader.nodes(ids)?) {
            let Some(node) = node else { continue };
            read += node.properties.len();
            present.push(*id);
            nodes.next(|out| {
                encode::map(out, 2);
                encode::str(out, "id");
                encode::str(out, id);
                encode::str(out, "properties");
                decoded_or_nil(out, &node.properties);
            })?;
        }
        Ok(read)
    })?;
    let inside: HashSet<&str> = present.iter().copied().collect();
    let mut edges = Rows::beside(nodes.in_memory(), room);
    for source in &present {
        reader.for_each_edge_from(source, |target, sequence, properties| {
            if inside.contains(target) {
                edges.add(sequence, |out| {
                    encode::map(out, 3);
                    encode::str(out, "source");
                    encode::str(out, source);
                    encode::str(out, "target");
                    encode::str(out, target);
                    encode::str(out, "properties");
                    decoded_or_nil(out, properties);
                })?;
            }
            Ok(())
        })?;
    }
    encode::map(out, 2);
    encode::str(out, "nodes");
    nodes.write(out)?;
    encode::str(out, "edges");
    Ok(edges.write(out)?)
}
