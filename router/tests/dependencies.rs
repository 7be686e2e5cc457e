//! The router is thin: neither the storage nor the engine, and nothing in C++, is built for a client.

#![expect(clippy::unwrap_used, reason = "a cargo that cannot run fails the test")]

use std::collections::BTreeSet;
use std::process::Command;

/// The packages that a build of `package` compiles.
fn tree(package: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--offline", "-p", package, "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{p}"])
        // They would have it resolve features for the workspace, which no build of one package does.
        .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION")
        .env_remove("CARGO_UNSTABLE_FEATURE_UNIFICATION")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn no_rocksdb_and_no_server_in_the_tree_of_the_router() {
    const HEAVY: [&str; 6] =
        ["epistemic-storage", "epistemic-engine", "rocksdb", "librocksdb-sys", "bindgen", "cc"];
    let router = tree("epistemic-router");
    assert!(router.contains("tokio"), "{router:?}");
    // The names are right: the engine has them all.
    let engine = tree("epistemic-engine");
    for package in HEAVY {
        assert!(engine.contains(package), "{package} in {engine:?}");
        assert!(!router.contains(package), "the router builds {package}");
    }
}

#[test]
fn the_contract_needs_nothing_of_the_workspace_and_no_runtime() {
    let protocol = tree("epistemic-protocol");
    assert!(protocol.contains("thiserror"), "{protocol:?}");
    for package in protocol.iter().filter(|name| *name != "epistemic-protocol") {
        assert!(
            !package.starts_with("epistemic-")
                && !["tokio", "rocksdb", "rmp", "bytes"].contains(&package.as_str()),
            "the contract builds {package}"
        );
    }
}
