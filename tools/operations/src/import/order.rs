//! The order of insertion, which documents do not have: the reference server writes nodes and pairs of nodes as its hash
//! tables hold them. Its ledger has the order, as far as its lines can be told apart. Lines are lost at its beginning only:
//! it may have been cleared, and it keeps the last 100,000.

use std::collections::HashMap;

use super::document::Document;

/// Sequence numbers of the nodes and edges of a document, by their place in it. Those whose line is not known have the
/// first numbers, in the order of the document; then come the lines of the ledger with those that they inserted.
pub(super) struct Order {
    pub(super) nodes: Vec<u64>,
    pub(super) edges: Vec<u64>,
    /// Nodes and edges whose line is not known; the first line of the ledger has the next number.
    pub(super) unknown: u64,
}

/// Finds the order. A later line for the same node or pair after a removal counts, not the earlier ones.
pub(super) fn order(document: &Document<'_>) -> Order {
    let mut nodes: HashMap<&str, u64> = HashMap::new();
    // By "source|target": two pairs may have one text, which is then of no use.
    let mut edges: HashMap<&str, Vec<u64>> = HashMap::new();
    for (line, sequence) in document.ledger.iter().zip(1..) {
        match line.split_once('|') {
            Some(("ADD_NODE", rest)) => {
                if let Some((id, _)) = rest.rsplit_once('|') {
                    nodes.entry(id).or_insert(sequence);
                }
            }
            Some(("REMOVE_NODE", id)) => {
                nodes.remove(id);
            }
            Some(("ADD_EDGE", rest)) => {
                if let Some((ends, _)) = rest.rsplit_once('|') {
                    edges.entry(ends).or_default().push(sequence);
                }
            }
            Some(("REMOVE_EDGE", ends)) => {
                edges.remove(ends);
            }
            Some(_) | None => {}
        }
    }
    let nodes: Vec<Option<u64>> = document.nodes.iter().map(|(id, _)| nodes.remove(id)).collect();
    let edges = edges_in_order(document, &edges);
    let unknown = nodes.iter().chain(&edges).filter(|line| line.is_none()).count() as u64;
    let mut first = 0;
    let mut numbered = |line: Option<u64>| match line {
        Some(line) => unknown + line,
        None => {
            first += 1;
            first
        }
    };
    let nodes = nodes.into_iter().map(&mut numbered).collect();
    let edges = edges.into_iter().map(&mut numbered).collect();
    Order { nodes, edges, unknown }
}

/// Parallel edges are in their order already: the last lines of a pair are theirs, the earlier ones of edges that are gone
/// with a node.
fn edges_in_order(document: &Document<'_>, lines: &HashMap<&str, Vec<u64>>) -> Vec<Option<u64>> {
    let mut pairs: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (index, (source, target, _)) in document.edges.iter().enumerate() {
        pairs.entry((source, target)).or_default().push(index);
    }
    let mut texts: HashMap<String, u32> = HashMap::new();
    for (source, target) in pairs.keys() {
        *texts.entry(format!("{source}|{target}")).or_default() += 1;
    }
    let mut known = vec![None; document.edges.len()];
    for ((source, target), places) in pairs {
        let text = format!("{source}|{target}");
        let lines = lines.get(text.as_str()).filter(|lines| texts[&text] == 1 && lines.len() >= places.len());
        for (place, line) in places.iter().rev().zip(lines.into_iter().flatten().rev()) {
            known[*place] = Some(*line);
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document<'a>(nodes: &[&'a str], edges: &[(&'a str, &'a str)], ledger: &[&'a str]) -> Document<'a> {
        Document {
            nodes: nodes.iter().map(|id| (*id, Vec::new())).collect(),
            edges: edges.iter().map(|(source, target)| (*source, *target, Vec::new())).collect(),
            ledger: ledger.to_vec(),
            ..Document::default()
        }
    }

    #[test]
    fn the_ledger_gives_the_order() {
        let ledger = [
            "ADD_NODE|a|80",
            "ADD_NODE|b|c|80",
            "ADD_EDGE|a|b|c|",
            "REMOVE_NODE|a",
            "ADD_NODE|a|80",
            "ADD_EDGE|a|b|c|",
            "ADD_NODE|a|81",
            "ADD_EDGE|a|b|c|80",
            "ADD_EDGE|a|a|80",
            "REMOVE_EDGE|a|a",
            "ADD_EDGE|a|a|80",
        ];
        let edges = [("a", "a"), ("a", "b|c"), ("a", "b|c")];
        let found = order(&document(&["z", "b|c", "a"], &edges, &ledger));
        assert_eq!((found.nodes, found.edges, found.unknown), (vec![1, 3, 6], vec![12, 7, 9], 1));
    }

    #[test]
    fn lines_that_fit_two_pairs_are_of_no_use() {
        let edges = [("a|b", "c"), ("a", "b|c")];
        let found = order(&document(&[], &edges, &["ADD_EDGE|a|b|c|80", "ADD_EDGE|a|b|c|80"]));
        assert_eq!((found.edges, found.unknown), (vec![1, 2], 2));
    }
}
