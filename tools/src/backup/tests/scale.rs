//! The figures of `docs/backup.md`: 100,000 graphs and 48 runs.

use std::path::PathBuf;
use std::time::Instant;

use epistemic_storage::graph::{GraphType, Op};
use tokio::runtime::Runtime;

use super::fixture::{STORE, empty};
use crate::backup::source::Listing;
use crate::backup::{Objects, Plan, Source, create};
use crate::moves::DirectoryParty;

const GRAPHS: usize = 100_000;
const RUNS: usize = 48;

/// Makes the backup in the folder `EG_SCALE`, one graph in ten changed from run to run, and says how long each run took.
#[test]
#[ignore = "takes minutes and leaves a backup behind"]
fn a_hundred_thousand_graphs_in_48_runs() {
    let folder = PathBuf::from(std::env::var("EG_SCALE").unwrap());
    let runtime = Runtime::new().unwrap();
    let objects = Objects::open(folder.to_str().unwrap(), true, runtime.handle()).unwrap();
    let graphs = empty();
    let name = |number: usize| format!("tenant__{:04}__graph_{number:06}", number / 100);
    for number in 0..GRAPHS {
        graphs.write(&name(number), Op::Create { kind: GraphType::Team, owner: None, tenant: None }).unwrap();
        add(&graphs, &name(number), 0);
    }
    let party = DirectoryParty::new("memory", graphs.clone(), None);
    for run in 0..RUNS {
        let began = Instant::now();
        let listing = Listing::of_directory(&graphs, Some(STORE.to_owned())).unwrap();
        let source = Source { party: &party, listing };
        let made = create(&source, &objects, &Plan { graphs: &[], full: false }, &mut |_, _, _| {}).unwrap();
        let manifest = made.manifest;
        eprintln!(
            "run {run}: {:?}, {} bytes, {} layers",
            began.elapsed(),
            manifest.bytes,
            manifest.layers.len()
        );
        (0..GRAPHS)
            .filter(|number| number % 10 == run % 10)
            .for_each(|number| add(&graphs, &name(number), run + 1));
    }
}

fn add(graphs: &epistemic_storage::GraphStore, name: &str, number: usize) {
    let op = Op::AddNode { id: format!("node {number}"), properties: b"\x81\xa4type\xa5event".to_vec() };
    graphs.write(name, op).unwrap();
}
