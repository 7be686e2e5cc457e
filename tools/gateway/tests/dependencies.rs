//! The gateway asks shards and holds no data: neither the storage nor RocksDB is in it.

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
fn no_storage_and_no_operations_in_the_tree_of_the_gateway() {
    const ELSEWHERE: [&str; 6] =
        ["epistemic-storage", "epistemic-operations", "rocksdb", "librocksdb-sys", "object_store", "zstd"];
    let gateway = tree("epistemic-gateway");
    assert!(gateway.contains("epistemic-router") && gateway.contains("axum"), "{gateway:?}");
    // The names are right: egctl has them all.
    let egctl = tree("epistemic-egctl");
    for package in ELSEWHERE {
        assert!(egctl.contains(package), "{package} in {egctl:?}");
        assert!(!gateway.contains(package), "the gateway builds {package}");
    }
}

/// As C++ mangles the names in the namespace of RocksDB.
#[test]
fn no_symbol_of_rocksdb_is_in_the_program() {
    let program = fs_err::read(env!("CARGO_BIN_EXE_epistemic-graph-gateway")).unwrap();
    let has = |symbol: &[u8]| program.windows(symbol.len()).any(|bytes| bytes == symbol);
    assert!(has(b"epistemic_router"), "the program has no symbols");
    assert!(!has(b"N7rocksdb"), "RocksDB is in the gateway");
}
