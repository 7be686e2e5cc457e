//! Tells the programs of which commit they were built.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=EG_COMMIT");
    // HEAD itself changes with the branch only, its log with every commit.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    // Sources without a repository are built with the variable.
    let commit = std::env::var("EG_COMMIT").ok().or_else(|| git(&["rev-parse", "--short=12", "HEAD"]));
    println!("cargo::rustc-env=EG_BUILT_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
