//! How large graphs are and when they changed: what a shard tells only when it is asked to look at all its tables.

use epistemic_router::status::GraphStats;

/// Adds to a list what was told before: sizes as they were then, and when each graph changed. A graph whose newest change is
/// another one than in the list before has changed by now. All lists are sorted by name.
pub(super) fn carry(graphs: &mut [GraphStats], before: &[GraphStats], sized: &[GraphStats], now_ms: u64) {
    for graph in graphs {
        let of = |list: &'_ [GraphStats]| {
            let at = list.binary_search_by(|known| known.name.cmp(&graph.name)).ok()?;
            Some((list[at].bytes, list[at].sizes, list[at].sequence, list[at].changed_ms))
        };
        let (before, sized) = (of(before), of(sized));
        if let Some((bytes, sizes, ..)) = sized.filter(|_| graph.bytes.is_none()) {
            (graph.bytes, graph.sizes) = (bytes, sizes);
        }
        let same = |told: &(_, _, u64, Option<u64>)| told.2 == graph.sequence && told.3.is_some();
        graph.changed_ms = match (before, sized) {
            (_, Some(told)) if same(&told) => told.3,
            (Some(told), _) if told.2 == graph.sequence => told.3,
            (Some(_), _) => Some(now_ms),
            (None, _) => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(name: &str, sequence: u64, told: Option<(u64, u64)>) -> GraphStats {
        GraphStats {
            name: name.to_owned(),
            kind: String::new(),
            owner: None,
            tenant: None,
            nodes: 0,
            edges: 0,
            sequence,
            ledger_from: None,
            ledger_keep: None,
            quarantined: None,
            bytes: told.map(|(bytes, _)| bytes),
            sizes: None,
            changed_ms: told.map(|(_, changed)| changed),
        }
    }

    #[test]
    fn sizes_stay_and_a_change_is_seen() {
        let sized = [graph("a", 5, Some((100, 7))), graph("b", 5, Some((200, 8)))];
        let before = [graph("a", 5, None), graph("b", 5, None), graph("c", 1, None)];
        let mut now = [graph("a", 5, None), graph("b", 6, None), graph("c", 1, None), graph("d", 1, None)];
        carry(&mut now, &before, &sized, 99);
        let told: Vec<_> = now.iter().map(|graph| (graph.bytes, graph.changed_ms)).collect();
        assert_eq!(told, [(Some(100), Some(7)), (Some(200), Some(99)), (None, None), (None, None)]);
        let mut later = [graph("b", 6, None)];
        carry(&mut later, &now, &sized, 100);
        assert_eq!(later[0].changed_ms, Some(99));
    }
}
