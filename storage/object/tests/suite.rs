//! What every backend has to do, on an object store in memory and in a directory.
//!
//! `EG_SEED=NUMBER` repeats the programs of a run, `EG_PROGRAMS=NUMBER` sets how many there are.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../tests/common/mod.rs"]
mod storage;
#[path = "common/suite.rs"]
mod suite;

use epistemic_object_store::Location;

fn directory(folder: &tempfile::TempDir, number: u64) -> Location {
    Location::parse(&format!("file://{}/{number}", folder.path().display())).unwrap()
}

#[test]
fn conformance_in_memory() {
    suite::conformance(&|_| Location::parse("memory:").unwrap());
}

#[test]
fn conformance_in_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    suite::conformance(&|number| directory(&folder, number.into()));
}

#[test]
fn random_programs_agree() {
    let folder = tempfile::tempdir().unwrap();
    let first = storage::random::seed();
    let programs =
        std::env::var("EG_PROGRAMS").map_or(8, |text| text.parse().expect("EG_PROGRAMS is a number"));
    for seed in first..first + programs {
        suite::program(seed, &Location::parse("memory:").unwrap());
        suite::program(seed, &directory(&folder, seed));
    }
}
