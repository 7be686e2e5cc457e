//! Placement agrees with the reference clients that are installed (`scripts/setup` installs them; a version that is not
//! there is left out, with a line that says so).

#![expect(clippy::unwrap_used, reason = "a script that cannot run fails the test")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use epistemic_router::{AFFINITY_VAR, Affinity, ConnectOptions, Endpoint, EndpointList, Secret, ShardRouter};

const NAMES: usize = 100_000;

#[derive(serde::Deserialize)]
struct Placement {
    groups: String,
    endpoints: Vec<String>,
    graphs: Vec<String>,
    owners: Vec<String>,
}

fn python(version: &str) -> PathBuf {
    let venvs = std::env::var_os("EG_VENVS").map_or_else(
        || Path::new(&std::env::var_os("HOME").unwrap()).join(".cache/epistemic-graph/venvs"),
        PathBuf::from,
    );
    let python = venvs.join(version).join("bin/python");
    assert!(python.is_file(), "{} is missing: run scripts/setup", python.display());
    python
}

/// Random placements by the client of that version.
fn placements(version: &str, groups: &str, count: usize) -> Vec<Placement> {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos().to_string();
    eprintln!("{version} {groups}: seed {seed}");
    // Asked when the test runs: a test built in another checkout may be taken for this one's.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for tests");
    let output = Command::new(python(version))
        .arg(Path::new(&package).join("protocol/tests/fixtures/place.py"))
        .args([&seed, &count.to_string(), groups])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    let placements: Vec<Placement> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(placements.iter().map(|placement| placement.graphs.len()).sum::<usize>(), count);
    placements
}

fn agree(placement: &Placement, affinity: Affinity) {
    let endpoints = placement.endpoints.iter().map(|text| Endpoint::parse(text).unwrap()).collect();
    let endpoints = EndpointList::new(endpoints).unwrap();
    let router =
        ShardRouter::new(endpoints, Secret::none(), ConnectOptions::default()).with_affinity(affinity);
    for (graph, owner) in placement.graphs.iter().zip(&placement.owners) {
        let (groups, endpoints) = (&placement.groups, &placement.endpoints);
        assert_eq!(router.owner(graph).as_str(), owner, "{graph:?} on {endpoints:?} with {groups:?}");
    }
}

#[test]
fn a_hundred_thousand_names_as_in_0_31_0() {
    for placement in placements("0.31.0", "default", NAMES) {
        agree(&placement, Affinity::none());
    }
}

#[test]
fn a_hundred_thousand_names_as_in_2_0_0() {
    for placement in placements("2.0.0", "default", NAMES) {
        agree(&placement, Affinity::default());
    }
}

#[test]
fn configured_groups_as_in_2_0_0() {
    for placement in placements("2.0.0", "random", NAMES) {
        let lookup = |name: &str| (name == AFFINITY_VAR).then(|| placement.groups.clone());
        agree(&placement, Affinity::resolve(lookup).unwrap());
    }
}

const HEAVY: &str = "
from epistemic_graph.client import _HEAVY_RPC_METHODS as heavy
print('\\n'.join(sorted(heavy)))
";

#[test]
fn what_is_heavy_there_is_heavy_here() {
    for version in ["0.31.0", "2.0.0"] {
        let output = Command::new(python(version)).args(["-c", HEAVY]).output().unwrap();
        let methods = String::from_utf8(output.stdout).unwrap();
        assert!(methods.lines().count() > 20, "{}", String::from_utf8_lossy(&output.stderr));
        let options = ConnectOptions::default();
        for method in methods.lines() {
            assert_eq!(options.deadline_for(method), options.heavy_deadline, "{method}");
        }
    }
}
