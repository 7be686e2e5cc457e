//! Tells the programs of which commit they were built.

use std::process::Command;

fn main() {
    // Not at every commit: nearly everything would be compiled again. `scripts/package` gives the commit, and who builds from
    // nothing gets the right one; a tree that goes on has the commit of its first build.
    println!("cargo::rerun-if-env-changed=EG_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    let commit = std::env::var("EG_COMMIT").ok().or_else(|| git(&["rev-parse", "--short=12", "HEAD"]));
    println!("cargo::rustc-env=EG_BUILT_COMMIT={}", commit.as_deref().unwrap_or("unknown"));
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
