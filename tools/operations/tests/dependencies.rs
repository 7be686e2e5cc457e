//! Operations are a library: no command line and nothing that is shown on a terminal is built for them.

#![expect(clippy::unwrap_used, reason = "a cargo that cannot run fails the test")]

use std::collections::BTreeSet;
use std::process::Command;

/// The packages that a build of `package` compiles, but for those of build scripts.
fn tree(package: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--offline", "-p", package, "--edges", "normal"])
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
fn no_command_line_and_no_bars_in_the_tree_of_the_operations() {
    const OF_EGCTL: [&str; 2] = ["clap", "indicatif"];
    let (operations, egctl) = (tree("epistemic-operations"), tree("epistemic-egctl"));
    for package in OF_EGCTL {
        assert!(egctl.contains(package), "{package} in {egctl:?}");
        assert!(!operations.contains(package), "the operations build {package}");
    }
}
