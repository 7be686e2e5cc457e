//! What no package may depend on, as Cargo sees it.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Result, ensure};

/// The packages that a build of `package` compiles; `more` are arguments of `cargo tree`.
fn tree(package: &str, more: &[&str]) -> Result<BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--offline", "--package", package])
        .args(more)
        .args(["--prefix", "none", "--format", "{p}"])
        // They would have it resolve features for the workspace, which no build of one package does.
        .env_remove("CARGO_RESOLVER_FEATURE_UNIFICATION")
        .env_remove("CARGO_UNSTABLE_FEATURE_UNIFICATION")
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

fn built(package: &str) -> Result<BTreeSet<String>> {
    tree(package, &["--edges", "normal,build"])
}

/// Nothing of `banned` is in `packages`, but all of it in `others`: the names are right.
fn without(banned: &[&str], packages: &BTreeSet<String>, others: &BTreeSet<String>) -> Result<()> {
    for package in banned {
        ensure!(others.contains(*package), "{package} is not in {others:?}");
        ensure!(!packages.contains(*package), "{package} is in {packages:?}");
    }
    Ok(())
}

#[test]
fn a_client_builds_no_server_no_storage_and_nothing_in_cpp() -> Result<()> {
    let router = built("epistemic-router")?;
    ensure!(router.contains("tokio"), "{router:?}");
    let heavy = ["epistemic-storage", "epistemic-engine", "rocksdb", "librocksdb-sys", "bindgen"];
    without(&heavy, &router, &built("epistemic-engine")?)
}

#[test]
fn the_contract_needs_nothing_of_the_workspace_and_no_runtime() -> Result<()> {
    let protocol = built("epistemic-protocol")?;
    ensure!(protocol.contains("thiserror"), "{protocol:?}");
    ensure!(!protocol.iter().any(|name| name.starts_with("epistemic-") && name != "epistemic-protocol"));
    without(&["tokio", "rocksdb", "rmp", "bytes"], &protocol, &built("epistemic-engine")?)
}

#[test]
fn analytics_know_no_storage_no_runtime_and_no_wire() -> Result<()> {
    let analytics = built("epistemic-analytics")?;
    ensure!(analytics.contains("rayon"), "{analytics:?}");
    let elsewhere =
        ["epistemic-storage", "epistemic-router", "rocksdb", "tokio", "rmp", "rustix", "fs-err", "cc"];
    without(&elsewhere, &analytics, &built("epistemic-engine")?)
}

/// So that a test which embeds a store in memory builds in seconds. That it compiles is a step of `scripts/test`.
#[test]
fn storage_without_rocksdb_builds_nothing_in_cpp() -> Result<()> {
    let storage = built("epistemic-storage")?;
    let in_memory = tree("epistemic-storage", &["--edges", "normal,build", "--no-default-features"])?;
    ensure!(in_memory.contains("imbl"), "{in_memory:?}");
    without(&["rocksdb", "librocksdb-sys", "bindgen", "cc", "rustix"], &in_memory, &storage)
}

/// An object store is a package of its own, and a feature of the server: whoever embeds the storage builds none of it. The tools
/// read what lies on one.
#[test]
fn the_object_store_is_built_where_it_is_asked_for() -> Result<()> {
    let engine = built("epistemic-engine")?;
    let slate = ["slatedb", "epistemic-object-store"];
    for package in ["epistemic-storage", "epistemic-router", "epistemic-gateway"] {
        without(&slate, &built(package)?, &engine)?;
    }
    let disk_only = tree("epistemic-engine", &["--edges", "normal,build", "--no-default-features"])?;
    without(&slate, &disk_only, &engine)?;
    for program in [engine, built("epistemic-egctl")?] {
        ensure!(!program.iter().any(|name| name.starts_with("aws-lc")), "a second TLS in C: {program:?}");
    }
    Ok(())
}

/// The suite that backends pass is for tests alone.
#[test]
fn no_program_contains_the_conformance_suite() -> Result<()> {
    let conformance = built("epistemic-conformance")?;
    ensure!(conformance.contains("epistemic-storage"), "{conformance:?}");
    for program in ["epistemic-engine", "epistemic-egctl", "epistemic-gateway"] {
        without(&["epistemic-conformance"], &built(program)?, &conformance)?;
    }
    Ok(())
}

#[test]
fn the_gateway_has_no_storage_and_no_operations() -> Result<()> {
    let gateway = built("epistemic-gateway")?;
    ensure!(gateway.contains("epistemic-router") && gateway.contains("axum"), "{gateway:?}");
    let elsewhere =
        ["epistemic-storage", "epistemic-operations", "rocksdb", "librocksdb-sys", "object_store", "zstd"];
    without(&elsewhere, &gateway, &built("epistemic-egctl")?)
}

/// Build scripts aside: bindgen has a command line of its own.
#[test]
fn operations_have_no_command_line_and_no_bars() -> Result<()> {
    let [operations, egctl] =
        ["epistemic-operations", "epistemic-egctl"].map(|package| tree(package, &["--edges", "normal"]));
    without(&["clap", "indicatif"], &operations?, &egctl?)
}
