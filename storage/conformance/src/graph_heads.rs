//! The newest change of each graph, page by page.

use epistemic_storage::{
    Durability, GraphStore, Space, WriteBatch, clock,
    graph::{COMMONS, GraphError, Op},
    keys,
};

use super::{
    fixture::{add_node, create, write_all},
    graph_moves::{arrive, step},
};

fn names(graphs: &GraphStore, after: Option<&str>, limit: usize) -> Result<(Vec<String>, bool), GraphError> {
    let heads = graphs.heads(after, limit)?;
    Ok((heads.graphs.iter().map(|head| head.graph.name().to_string()).collect(), heads.more))
}

/// Every served graph is on one page, by name, whatever the pages' size.
pub(super) fn pages(graphs: &GraphStore) -> Result<(), GraphError> {
    let mut all = vec![COMMONS, "", "a", "a\0", "b", "é", "🦀"];
    for name in &all[1..] {
        create(graphs, name)?;
    }
    step(graphs, "arrives", arrive("m1"))?;
    all.sort_unstable();
    for limit in 1..=all.len() + 1 {
        let (mut found, mut after) = (Vec::new(), None::<String>);
        loop {
            let (page, more) = names(graphs, after.as_deref(), limit)?;
            assert_eq!(more, found.len() + page.len() < all.len(), "{limit}");
            after = page.last().cloned();
            found.extend(page);
            if !more {
                break;
            }
        }
        assert_eq!(found, all, "{limit}");
    }
    assert_eq!(names(graphs, None, 0)?, (Vec::new(), true));
    assert_eq!(names(graphs, Some("🦀"), 9)?, (Vec::new(), false));
    Ok(())
}

/// A head tells the newest change; equal ones are the same change of the same graph.
pub(super) fn newest_change(graphs: &GraphStore) -> Result<(), GraphError> {
    let head = || -> Result<_, GraphError> {
        let page = graphs.heads(Some("f"), 1)?;
        let head = page.graphs.into_iter().next().expect("the graph");
        let (sequence, nodes) = (head.counters.sequence, head.counters.nodes);
        let before = graphs.changes(&head.graph, sequence, 1)?.before;
        assert_eq!(head.digest, before);
        assert!(page.settled_ms <= clock::unix_ms());
        Ok((sequence, nodes, head.digest))
    };
    create(graphs, "g")?;
    let created = head()?;
    assert_eq!((created.0, created.1, created.2.is_some()), (1, 0, true));
    write_all(graphs, "g", vec![add_node("a", b"1")])?;
    let added = head()?;
    assert_eq!((added.0, added.1), (2, 1));
    assert_ne!(added.2, created.2);
    assert_eq!(head()?, added);
    graphs.write("g", Op::Delete)?;
    create(graphs, "g")?;
    write_all(graphs, "g", vec![add_node("a", b"2")])?;
    let again = head()?;
    assert_eq!(again.0, added.0);
    assert_ne!(again.2, added.2);
    // Without its record it has no digest.
    let graph = graphs.graph("g")?;
    let mut batch = WriteBatch::new();
    batch.delete(Space::Ledger, keys::ledger(graph.id(), 2));
    graphs.store().commit(batch, Durability::Sync)?;
    assert_eq!(head()?, (2, 1, None));
    Ok(())
}
