//! What the program says of itself: version, help, pages about errors, completions, manual pages.

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::{egctl, fails, json, says, text};

#[test]
fn the_version_has_commit_and_formats() -> Result<()> {
    let version = says(&["--version"])?;
    ensure!(version.starts_with("egctl ") && version.lines().count() == 1, "{version}");
    let commit =
        version.split("commit ").nth(1).and_then(|rest| rest.split(';').next()).context("a commit")?;
    ensure!(commit == "unknown" || commit.len() == 12, "{commit}");
    ensure!(version.contains("formats: directory ") && version.contains("snapshot "), "{version}");
    Ok(())
}

#[test]
fn commands_are_listed_by_what_they_are_for() -> Result<()> {
    let help = says(&["--help"])?;
    for part in [
        "See the data:\n  get",
        "Change the data:\n  graph",
        "Usage: egctl",
        "--context <NAME>",
        "Exit codes:",
    ] {
        ensure!(help.contains(part), "{part}: {help}");
    }
    ensure!(help.matches("\n  nodes ").count() == 1, "each once: {help}");
    Ok(())
}

#[test]
fn errors_are_explained_offline() -> Result<()> {
    let page = says(&["explain", "disk_full"])?;
    ensure!(page.contains("DISK_FULL") && page.contains("What to do"), "{page}");
    let told = json(&["explain", "MOVED"])?;
    ensure!(told["page"] == "docs/errors/moved.md", "{told}");
    let codes = says(&["explain"])?;
    ensure!(codes.lines().count() > 40 && codes.contains("WRONG_SHARD\n"), "{codes}");
    ensure!(fails(2, &["explain", "NONSENSE"]).contains("egctl explain lists the codes"));
    Ok(())
}

#[test]
fn shells_and_man_know_the_commands() -> Result<()> {
    for shell in ["bash", "zsh", "fish"] {
        let script = says(&["completions", shell])?;
        ensure!(script.contains("neighbors") && script.contains("support-bundle"), "{shell}");
    }
    let home = TempDir::new()?;
    let folder = home.path().join("man1");
    ensure!(egctl(&["man", text(&folder)])?.status.success());
    let page = fs_err::read_to_string(folder.join("egctl-graph-create.1"))?;
    ensure!(page.contains(".TH") && page.contains("tenant"), "{page}");
    ensure!(fs_err::read_dir(&folder)?.count() > 60, "a page for each");
    Ok(())
}
