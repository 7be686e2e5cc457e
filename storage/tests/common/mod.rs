//! What several tests of the storage crate share.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

pub mod dump;
pub mod failing;
pub mod program;
pub mod random;
pub mod steps;

use std::path::Path;

use epistemic_storage::{
    GraphStore, Mutation, RocksOptions,
    datadir::DataDir,
    graph::{Departure, Fenced, GraphType, MAX_PAUSE, MoveOp, Op},
};
use fs_err as fs;

/// Small caches: the tests open many stores.
pub fn options() -> RocksOptions {
    RocksOptions { block_cache_bytes: 4 << 20, min_free_bytes: 0, ..RocksOptions::default() }
}

/// Opens a data directory. The graphs come first, so that they are closed before the ownership ends.
pub fn open(path: &Path) -> (GraphStore, DataDir) {
    let (dir, store) = DataDir::open_store(path, &options()).unwrap();
    (GraphStore::open(store).unwrap(), dir)
}

pub fn create(graphs: &GraphStore, name: &str) {
    graphs
        .write(name, Op::Create { kind: GraphType::Agent, owner: Some("tester".into()), tenant: None })
        .unwrap();
}

/// A departure with the proof of a fence that is raised for it; with a proof of nothing when none can be.
pub fn depart(graphs: &GraphStore, name: &str, move_id: &str) -> MoveOp {
    let to = "there".to_owned();
    let departure = match graphs.fence(name, move_id, &to, MAX_PAUSE) {
        Ok(Fenced { token, graph_id, epoch, sequence }) => Departure { to, token, graph_id, epoch, sequence },
        Err(_) => Departure { to, token: 0, graph_id: 0, epoch: 0, sequence: 0 },
    };
    MoveOp::Depart { move_id: move_id.into(), departure }
}

pub fn add_node(id: &str, properties: &[u8]) -> Op {
    Op::One(Mutation::AddNode { id: id.into(), properties: properties.to_vec() })
}

pub fn add_edge(source: &str, target: &str, properties: &[u8]) -> Op {
    Op::One(Mutation::AddEdge {
        source: source.into(),
        target: target.into(),
        properties: properties.to_vec(),
    })
}

pub fn add_embedding(node: &str, components: &[f32]) -> Op {
    let components = components.iter().flat_map(|component| component.to_le_bytes()).collect();
    Op::One(Mutation::AddEmbedding { node: node.into(), components })
}

/// The MessagePack map `{"type": label, "labels": [label, "all"]}`; `label` is shorter than 32 bytes.
pub fn labelled(label: &str) -> Vec<u8> {
    let text = [&[0xa0 | label.len() as u8], label.as_bytes()].concat();
    [b"\x82\xa4type", &text[..], b"\xa6labels\x92", &text, b"\xa3all"].concat()
}

/// A graph with nodes, parallel edges, a self loop, labels, embeddings and removed records.
pub fn fill(graphs: &GraphStore, name: &str, nodes: usize) {
    create(graphs, name);
    let mut writes = Vec::new();
    for number in 0..nodes {
        let id = format!("{name} {number}");
        writes.push(add_node(&id, &labelled(&format!("L{}", number % 3))));
        for back in [0, number / 2, number] {
            writes.push(add_edge(&id, &format!("{name} {back}"), format!("{number}->{back}").as_bytes()));
        }
        if number % 2 == 0 {
            writes.push(add_embedding(&id, &[number as f32, -1.5, 0.25]));
        }
    }
    writes.push(add_node("doomed", b"\x80"));
    writes.push(add_embedding("doomed", &[1.0, 2.0, 3.0]));
    writes.push(Op::One(Mutation::RemoveNode { id: "doomed".into() }));
    let writes: Vec<_> =
        writes.into_iter().map(|op| epistemic_storage::graph::Write { graph: name.into(), op }).collect();
    for result in graphs.commit(&writes, epistemic_storage::Durability::Sync) {
        result.unwrap();
    }
}

/// Copies a directory with all below it.
pub fn copy_dir(from: &Path, to: &Path) {
    try_copy_dir(from, to).unwrap();
}

fn try_copy_dir(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            try_copy_dir(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Copies the directory of an open store, as a kill leaves it. Files that RocksDB removes meanwhile are no part of it.
pub fn copy_live(from: &Path, to: &Path) {
    for _ in 0..100 {
        match try_copy_dir(from, to) {
            Ok(()) => return,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => fs::remove_dir_all(to).unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the files of '{}' are never the same for long enough to be copied", from.display());
}

/// Every file below `dir` with its bytes.
pub fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            found.extend(
                files(&entry.path()).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)),
            );
        } else {
            found.push((name, fs::read(entry.path()).unwrap()));
        }
    }
    found.sort();
    found
}

/// A small file of ours as the first versions wrote it.
pub fn without_checksum(sealed: &[u8]) -> Vec<u8> {
    let mut value: serde_json::Value = serde_json::from_slice(sealed).unwrap();
    value.as_object_mut().unwrap().remove("crc32").expect("it has a checksum");
    serde_json::to_vec_pretty(&value).unwrap()
}
