//! Records of graphs that are gone.

use epistemic_storage::{
    GraphStore, Space, StoreError,
    graph::{GraphError, GraphType, Op},
};

use super::fixture::{Result, add_edge, add_node, create, scan_all, typed, write_all};

/// Records in all spaces of graphs.
fn records(graphs: &GraphStore) -> Result<usize> {
    Space::OF_GRAPHS.iter().map(|&space| Ok(scan_all(graphs.store(), space)?.len())).sum()
}

fn fill(graphs: &GraphStore, name: &str, nodes: usize) -> Result<(), GraphError> {
    create(graphs, name)?;
    for number in 0..nodes {
        let id = number.to_string();
        write_all(graphs, name, vec![add_node(&id, &typed("L")), add_edge(&id, "0", b"")])?;
    }
    Ok(())
}

pub(super) fn waits_for_readers(graphs: &GraphStore) -> Result<(), GraphError> {
    let nothing = records(graphs)?;
    fill(graphs, "g", 3)?;
    let held = graphs.graph("g")?;
    graphs.write("g", Op::Delete)?;
    fill(graphs, "g", 1)?;
    assert_eq!(graphs.reclaim()?, 0, "a reader holds the graph");
    let reader = graphs.latest(&held);
    assert_eq!((reader.by_label("L", 0)?.len(), reader.in_degree("0")?), (3, 3));
    drop(held);
    let before = records(graphs)?;
    assert_eq!((graphs.reclaim()?, graphs.reclaim()?), (1, 0));
    assert!(records(graphs)? < before);
    let graph = graphs.graph("g")?;
    assert!(graphs.latest(&graph).has_edge("0", "0")?, "the new graph of the name stays");
    drop(graph);
    graphs.write("g", Op::Delete)?;
    assert_eq!((graphs.reclaim()?, records(graphs)?), (1, nothing));
    Ok(())
}

pub(super) fn leaves_nothing(graphs: &GraphStore) -> Result<(), GraphError> {
    let nothing = records(graphs)?;
    fill(graphs, "few", 5)?;
    fill(graphs, "many", 100)?;
    fill(graphs, "stays", 5)?;
    let staying = 5 * 6 + 1;
    graphs.write("few", Op::Delete)?;
    graphs.write("many", Op::Clear)?;
    graphs.write("many", Op::Delete)?;
    assert_eq!(graphs.reclaim()?, 3);
    assert_eq!(records(graphs)?, nothing + staying);
    let graph = graphs.graph("stays")?;
    assert_eq!(graphs.latest(&graph).by_label("L", 0)?.len(), 5);
    assert_eq!((graphs.awaiting_room().graphs, graphs.give_back_room()?), (3, 3));
    assert_eq!(graphs.awaiting_room().graphs, 0);
    let catalog = scan_all(graphs.store(), Space::Catalog)?;
    assert_eq!(catalog.len(), 2 * graphs.graph_count() + 1, "name and state of each graph, and the next id");
    Ok(())
}

pub(super) fn abandoned_loads(graphs: &GraphStore) -> Result<(), GraphError> {
    let nothing = records(graphs)?;
    create(graphs, "taken")?;
    let own = records(graphs)? - nothing;
    let load = |bytes: usize| {
        let mut loader = graphs.load();
        for number in 0..bytes / 2000 {
            loader.node(&number.to_string(), number as u64, &[0; 2000])?;
        }
        Ok::<_, StoreError>(loader)
    };
    for bytes in [100_000, 6 << 20] {
        drop(load(bytes)?);
        let refused = graphs.install("taken", load(bytes)?.finish()?, GraphType::Agent, None, false);
        assert_eq!(refused, Err(GraphError::GraphExists("taken".into())));
        let refused = graphs.write("missing", Op::Replace(load(bytes)?.finish()?));
        assert_eq!(refused, Err(GraphError::GraphNotFound("missing".into())));
        graphs.reclaim()?;
        assert_eq!(records(graphs)?, nothing + own, "loads of {bytes} bytes are given up");
    }
    graphs.give_back_room()?;
    assert_eq!(scan_all(graphs.store(), Space::Catalog)?.len(), 2 * graphs.graph_count() + 1);
    Ok(())
}
