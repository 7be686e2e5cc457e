//! What every backend has to do, on the object store at a location: the conformance suite, and random programs beside the memory
//! backend. Also run by the example `suite`.

#![allow(unreachable_pub, reason = "it is a module of several programs")]

use std::cell::Cell;

use epistemic_object_store::{Location, Options, SlateStore};
use epistemic_storage::{Durability, GraphStore, MemoryStore};

use crate::storage::{
    dump::{assert_same, check_nothing_unowned, dump},
    program::{Program, ids, names},
    random::Random,
};

/// Opens the store at a location.
pub fn open(location: &Location) -> SlateStore {
    SlateStore::open(location, &Options { block_cache_bytes: 4 << 20, ..Options::default() }).unwrap()
}

/// The conformance suite; `place` makes a location that nothing was stored at, of a number.
pub fn conformance(place: &dyn Fn(u32) -> Location) {
    let opened = Cell::new(0);
    epistemic_conformance::run_all(&|| {
        opened.set(opened.get() + 1);
        open(&place(opened.get())).into()
    });
}

/// One random program on memory and at a location, where nothing was stored: equal answers, equal errors, equal records, also
/// after it was closed and opened again.
pub fn program(seed: u64, location: &Location) {
    let memory = GraphStore::open(MemoryStore::new()).unwrap();
    let mut remote = GraphStore::open(open(location)).unwrap();
    let mut program = Program { random: Random::new(seed), names: names(), ids: ids() };
    for step in 0..60 {
        let told = format!("seed {seed}, step {step}");
        let again = program.random.clone();
        let writes = program.group(&memory);
        program.random = again;
        let same = program.group(&remote);
        let left = memory.commit(&writes, Durability::Sync);
        let right = remote.commit(&same, Durability::Sync);
        assert_eq!(left, right, "{told}: {writes:#?}");
        match program.random.below(12) {
            0 => {
                drop(remote);
                remote = GraphStore::open(open(location)).unwrap();
                assert_same(&dump(&memory).unwrap(), &dump(&remote).unwrap(), &told);
            }
            1 => remote.store().flush().unwrap(),
            2 | 3 => {
                let (left, right) = (memory.reclaim().unwrap(), remote.reclaim().unwrap());
                // A reopened store has forgotten which loads were refused before they wrote anything.
                assert!(left >= right, "{told}: {left} reclaimed in memory, {right} on the object store");
            }
            _ => {}
        }
        let again = program.random.clone();
        let left = program.reads(&memory);
        program.random = again;
        assert_eq!(left, program.reads(&remote), "{told}");
    }
    drop(remote);
    let remote = GraphStore::open(open(location)).unwrap();
    assert_same(&dump(&memory).unwrap(), &dump(&remote).unwrap(), &format!("seed {seed}, at the end"));
    for graphs in [&memory, &remote] {
        graphs.reclaim().unwrap();
        check_nothing_unowned(graphs).unwrap();
    }
    remote.store().verify().unwrap();
}
