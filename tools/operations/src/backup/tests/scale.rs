//! Many graphs and runs; `EG_SCALE_GRAPHS` and `EG_SCALE_RUNS` for more of them.

use std::time::Instant;

use epistemic_storage::GraphStore;
use epistemic_storage::{
    Mutation,
    graph::{GraphType, Op},
};
use tokio::runtime::Runtime;

use super::fixture::{STORE, empty};
use crate::backup::source::Listing;
use crate::backup::state::Finder;
use crate::backup::{Objects, Plan, Source, create};
use crate::encryption::Keys;
use crate::hosts::DirectoryParty;

/// One graph in so many changes from run to run.
const CHANGING: usize = 10;

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn name(number: usize) -> String {
    format!("tenant__{:04}__graph_{number:06}", number / 100)
}

fn add(graphs: &GraphStore, name: &str, number: usize) {
    let op = Op::One(Mutation::AddNode {
        id: format!("node {number}"),
        properties: b"\x81\xa4type\xa5event".to_vec(),
    });
    graphs.write(name, op).unwrap();
}

#[test]
fn runs_of_many_graphs_are_as_small_as_what_has_changed() {
    let (count, runs) = (number("EG_SCALE_GRAPHS", 200), number("EG_SCALE_RUNS", 12));
    let home = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let objects = Objects::open(home.path().to_str().unwrap(), true, runtime.handle()).unwrap();
    let graphs = empty();
    for number in 0..count {
        let op = Op::Create { kind: GraphType::Team, owner: None, tenant: None };
        graphs.write(&name(number), op).unwrap();
        add(&graphs, &name(number), 0);
    }
    let party = DirectoryParty::new("memory", graphs.clone(), None);
    let mut first = 0;
    for run in 0..runs {
        let began = Instant::now();
        let listing = Listing::of_directory(&graphs, Some(STORE.to_owned())).unwrap();
        let source = Source { party: &party, listing };
        let made = create(
            &source,
            &objects,
            &Plan { graphs: &[], full: false, unencrypted: false },
            &mut |_, _, _| {},
        )
        .unwrap();
        let (manifest, took) = (made.manifest, began.elapsed());
        eprintln!(
            "run {run}: {took:?}, {} bytes, a manifest of {} bytes with {} layers",
            manifest.bytes,
            manifest.encode(&Keys::default()).unwrap().len(),
            manifest.layers.len()
        );
        assert_eq!(manifest.graphs, count as u64 + 1);
        if run == 0 {
            first = manifest.bytes;
        } else {
            assert!(manifest.bytes < first / 2, "{} of {first} bytes", manifest.bytes);
        }
        assert!(manifest.layers.len() <= 8 && manifest.encode(&Keys::default()).unwrap().len() < 8192);
        let entry = Finder::new(&name(0)).find(&objects, &manifest).unwrap().unwrap();
        assert_eq!(entry.chain.len(), 1 + run.div_ceil(CHANGING));
        let changing = (0..count).filter(|number| number % CHANGING == run % CHANGING);
        changing.for_each(|number| add(&graphs, &name(number), run + 1));
    }
}
