//! Loads that are whole, repeated, cut off and wrong.

use std::sync::Arc;

use epistemic_storage::graph::{GraphType, Op};
use epistemic_storage::{GraphStore, MemoryStore, Mutation};

use super::super::{DirectorySource, DirectoryTarget, GraphSource, JsonLines, Records};
use super::*;

fn store() -> Arc<GraphStore> {
    let graphs = GraphStore::open(MemoryStore::new()).unwrap();
    let create = || Op::Create { kind: GraphType::Agent, owner: None, tenant: None };
    graphs.write("a", create()).unwrap();
    graphs.write("b", create()).unwrap();
    Arc::new(graphs)
}

fn run(graphs: &Arc<GraphStore>, text: &[u8], from_line: u64) -> Result<Loaded> {
    let target = DirectoryTarget::open(Arc::clone(graphs), "b")?;
    load(text, &target, Loading { from_line, progress: &mut |_, _| {} })
}

fn exported(graphs: &Arc<GraphStore>, graph: &str) -> Vec<u8> {
    let source = DirectorySource::open("x", Arc::clone(graphs), graph).unwrap();
    let mut records = Records::open(source.stream().unwrap()).unwrap();
    let summary = records.summary();
    let mut lines = JsonLines::begin(Vec::new(), "g", &summary).unwrap();
    while let Some(item) = records.next_item().unwrap() {
        lines.write(&item).unwrap();
    }
    lines.finish().unwrap()
}

/// Without the first line, which has the number of the newest change.
fn content(graphs: &Arc<GraphStore>, graph: &str) -> String {
    String::from_utf8(exported(graphs, graph)).unwrap().split_once('\n').unwrap().1.to_owned()
}

fn fill(graphs: &GraphStore) {
    let write = |mutation| graphs.write("a", Op::One(mutation)).unwrap();
    for id in ["", "n\n1", "n2", "opaque"] {
        let properties = if id == "opaque" { b"\xc1\xff".to_vec() } else { b"\x81\xa4type\xa1t".to_vec() };
        write(Mutation::AddNode { id: id.to_owned(), properties });
    }
    for properties in [&b"\x80"[..], b"\x80", b"\x81\xa1w\x01", b"\x80"] {
        let (source, target) = (String::new(), "n2".to_owned());
        write(Mutation::AddEdge { source, target, properties: properties.to_vec() });
    }
    write(Mutation::AddEmbedding { node: "n2".to_owned(), components: 0.1_f32.to_le_bytes().to_vec() });
}

#[test]
fn an_export_is_loaded_whole_and_a_second_time_changes_nothing() {
    let graphs = store();
    fill(&graphs);
    let text = exported(&graphs, "a");
    let loaded = run(&graphs, &text, 1).unwrap();
    assert_eq!((loaded.nodes, loaded.edges, loaded.embeddings, loaded.unchanged), (4, 4, 1, 0));
    assert_eq!(content(&graphs, "b"), content(&graphs, "a"));
    let again = run(&graphs, &text, 1).unwrap();
    assert_eq!((again.nodes, again.edges, again.unchanged), (0, 0, 8));
    assert_eq!(content(&graphs, "b"), content(&graphs, "a"));
}

/// Wherever a load ends, the whole load behind it, or the rest of it, gives the same graph.
#[test]
fn a_load_that_ended_anywhere_is_made_complete() {
    let text = {
        let graphs = store();
        fill(&graphs);
        exported(&graphs, "a")
    };
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    for cut in 1..lines.len() {
        for rest in [false, true] {
            let graphs = store();
            fill(&graphs);
            let error = run(&graphs, &lines[..cut].concat(), 1).unwrap_err();
            assert!(error.to_string().contains("cut off"), "{error}");
            let from = if rest { cut as u64 + 1 } else { 1 };
            run(&graphs, &text, from).unwrap();
            assert_eq!(content(&graphs, "b"), content(&graphs, "a"), "{cut} {rest}");
        }
    }
}

#[test]
fn errors_name_the_line_and_what_is_loaded() {
    let graphs = store();
    let fails = |text: &str| {
        let error = run(&graphs, text.as_bytes(), 1).unwrap_err();
        let at = error.downcast_ref::<LoadError>().unwrap();
        (at.line, at.loaded, at.to_string())
    };
    let (line, loaded, told) = fails("\n{\"type\":\"nodes\"}\n");
    assert_eq!((line, loaded), (2, false));
    assert!(told.contains("nothing was loaded"), "{told}");
    let node = "{\"type\":\"node\",\"id\":\"n\"}\n";
    let (line, loaded, told) =
        fails(&format!("{node}{{\"type\":\"edge\",\"source\":\"n\",\"target\":\"x\"}}\n"));
    assert_eq!((line, loaded), (2, true));
    assert!(told.contains("'x' not found") && told.contains("--from-line 2"), "{told}");
    let end = "{\"type\":\"end\",\"nodes\":2,\"edges\":0,\"embeddings\":0}\n";
    assert!(fails(&format!("{node}{end}")).2.contains("lines are missing"));
    assert!(fails(&format!("{end}{node}")).2.contains("lines are missing"));
    let end = end.replace('2', "1");
    assert!(fails(&format!("{node}{end}{node}")).2.contains("behind the line of type \"end\""));
}
