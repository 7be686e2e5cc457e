//! What documents say of the repository is so.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use epistemic_tests::shared;

fn root() -> Result<PathBuf> {
    Ok(shared::package()?.join(".."))
}

/// The texts between backticks, in their order.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// `PATH.rs`: `test`, `test`; ...
#[test]
fn every_test_that_is_named_exists() -> Result<()> {
    for (page, least) in [("docs/bugs-we-had.md", 20), ("docs/security.md", 15)] {
        tests_of(page, least).with_context(|| page.to_owned())?;
    }
    Ok(())
}

fn tests_of(page: &str, least: usize) -> Result<()> {
    let page = fs_err::read_to_string(root()?.join(page))?;
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && line.contains("| `")) {
        let mut source = None;
        for word in quoted(row) {
            if word.ends_with(".rs") {
                source = Some(fs_err::read_to_string(root()?.join(word)).with_context(|| row.to_owned())?);
            } else if let Some(text) = &source
                && word
                    .chars()
                    .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
            {
                ensure!(text.contains(&format!("fn {word}(")), "there is no test {word}: {row}");
                named += 1;
            }
        }
        ensure!(source.is_some(), "names no test: {row}");
    }
    ensure!(named > least, "only {named} tests found");
    Ok(())
}

/// The variables and phases of `docs/torture.md` are those of the tests and of `scripts/torture`.
#[test]
fn the_long_mode_is_as_documented() -> Result<()> {
    let page = fs_err::read_to_string(root()?.join("docs/torture.md"))?;
    let script = fs_err::read_to_string(root()?.join("scripts/torture"))?;
    let harnesses =
        page.split("## Harnesses").nth(1).and_then(|rest| rest.split("###").next()).context("harnesses")?;
    let mut phases = 0;
    for row in harnesses.lines().filter(|line| line.starts_with("| ") && line.contains('`')) {
        let phase = row.split('|').nth(1).context("a phase")?.trim();
        ensure!(script.contains(&format!("    \"{phase} ")), "scripts/torture has no phase {phase}");
        let sources: Vec<_> = quoted(row).filter(|word| word.ends_with(".rs")).collect();
        let mut text = String::new();
        for path in &sources {
            text.push_str(&fs_err::read_to_string(root()?.join(path))?);
        }
        for variable in quoted(row).filter(|word| word.starts_with("EG_")) {
            ensure!(text.contains(variable), "{phase}: {sources:?} do not know {variable}");
            ensure!(script.contains(variable), "scripts/torture does not set {variable}");
        }
        phases += 1;
    }
    let listed =
        script.lines().filter(|line| line.starts_with("    \"") && line.contains("epistemic-")).count();
    ensure!(phases == listed, "{phases} phases are documented, scripts/torture has {listed}");
    Ok(())
}
