//! What documents say of the repository is so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

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

/// The files of the repository and its folders, as paths from its root.
#[derive(Default)]
struct Tree {
    files: BTreeSet<String>,
    folders: BTreeSet<String>,
}

impl Tree {
    fn read() -> Result<Self> {
        let mut tree = Self::default();
        tree.walk(&root()?, "")?;
        Ok(tree)
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        for entry in fs_err::read_dir(folder)? {
            let entry = entry?;
            let name =
                entry.file_name().into_string().map_err(|name| anyhow::anyhow!("{name:?} is not UTF-8"))?;
            if [".git", "target", "__pycache__"].contains(&name.as_str()) {
                continue;
            }
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_dir() {
                self.walk(&entry.path(), &format!("{path}/"))?;
                self.folders.insert(path);
            } else {
                self.files.insert(path);
            }
        }
        Ok(())
    }

    /// Whether a word is meant as a path: it begins with a folder of the root, or ends as sources and documents do.
    fn means_path(&self, word: &str) -> bool {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_./*-".contains(letter);
        let top = word.split_once('/').is_some_and(|(top, _)| self.folders.contains(top));
        word.chars().all(allowed) && (top || word.ends_with(".rs") || word.ends_with(".md"))
    }

    /// Whether there is such a file or folder: from the root, or, as documents shorten them, from a folder below. A star stands
    /// for any letters of one name.
    fn has(&self, path: &str) -> bool {
        let wanted: Vec<_> = path.trim_end_matches('/').split('/').collect();
        self.files.iter().chain(&self.folders).any(|path| {
            let names: Vec<_> = path.split('/').collect();
            names.len() >= wanted.len()
                && wanted.iter().rev().zip(names.iter().rev()).all(|(wanted, name)| fits(wanted, name))
        })
    }
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((begin, end)) => {
            name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end)
        }
    }
}

/// A document without its blocks of code.
fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_path_in_a_document_exists() -> Result<()> {
    let tree = Tree::read()?;
    let (mut named, mut missing) = (0, Vec::new());
    for page in tree.files.iter().filter(|path| path.ends_with(".md")) {
        let text = prose(&fs_err::read_to_string(root()?.join(page))?);
        for word in quoted(&text).filter_map(|words| words.split_whitespace().next()) {
            if tree.means_path(word) {
                named += 1;
                if !tree.has(word) {
                    missing.push(format!("{page}: {word}"));
                }
            }
        }
    }
    ensure!(missing.is_empty(), "no such file or folder: {missing:#?}");
    ensure!(named > 500, "only {named} paths found");
    Ok(())
}

#[test]
fn every_document_that_a_source_names_exists() -> Result<()> {
    let tree = Tree::read()?;
    let (mut named, mut missing) = (0, Vec::new());
    for source in tree.files.iter().filter(|path| path.ends_with(".rs")) {
        let text = fs_err::read_to_string(root()?.join(source))?;
        for rest in text.split("docs/").skip(1) {
            let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_./-".contains(letter);
            let page = rest.split(|letter| !allowed(letter)).next().unwrap_or_default().trim_end_matches('.');
            if page.ends_with(".md") {
                named += 1;
                if !tree.files.contains(&format!("docs/{page}")) {
                    missing.push(format!("{source}: docs/{page}"));
                }
            }
        }
    }
    ensure!(missing.is_empty(), "no such document: {missing:#?}");
    ensure!(named > 50, "only {named} documents found");
    Ok(())
}

#[test]
fn a_path_that_is_not_there_is_found_missing() -> Result<()> {
    let tree = Tree::read()?;
    for there in
        ["tests/tests/documents.rs", "tests/documents.rs", "docs/errors/", "docs/errors/*.md", "README.md"]
    {
        ensure!(tree.means_path(there) && tree.has(there), "{there}");
    }
    for gone in ["tests/tests/document.rs", "docs/errors/*.rs", "docs/error/", "cuments.rs"] {
        ensure!(tree.means_path(gone) && !tree.has(gone), "{gone}");
    }
    for other in ["identity.json", "a b.rs", "db/", "NAME.wal", "a/{name}.md"] {
        ensure!(!tree.means_path(other), "{other}");
    }
    Ok(())
}

/// The targets of the links in a document: `](TARGET)`.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let outside_code: String = prose.split('`').step_by(2).collect::<Vec<_>>().join("code");
    let rests = outside_code.split("](").skip(1);
    rests.filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect()
}

/// `scripts/book` follows links in the book, anchors too; this needs no mdBook.
#[test]
fn every_link_between_documents_leads_to_a_file() -> Result<()> {
    let tree = Tree::read()?;
    let (mut followed, mut broken) = (0, Vec::new());
    for page in tree.files.iter().filter(|path| path.ends_with(".md")) {
        let path = root()?.join(page);
        for link in links(&fs_err::read_to_string(&path)?) {
            let (file, _) = link.split_once('#').unwrap_or((&link, ""));
            if !file.is_empty() && !link.contains("://") {
                followed += 1;
                if !path.parent().context("folder")?.join(file).exists() {
                    broken.push(format!("{page}: {link}"));
                }
            }
        }
    }
    ensure!(broken.is_empty(), "{broken:#?}");
    ensure!(followed > 500, "only {followed} links found");
    Ok(())
}

#[test]
fn the_book_has_every_document_once() -> Result<()> {
    let summary = links(&fs_err::read_to_string(root()?.join("docs/SUMMARY.md"))?);
    let listed: BTreeSet<_> = summary.iter().cloned().collect();
    ensure!(listed.len() == summary.len(), "docs/SUMMARY.md has a document twice");
    let tree = Tree::read()?;
    let documents = tree.files.iter().filter_map(|path| path.strip_prefix("docs/"));
    let missing: Vec<_> = documents
        .filter(|path| path.ends_with(".md") && *path != "SUMMARY.md" && !listed.contains(*path))
        .collect();
    ensure!(missing.is_empty(), "not in docs/SUMMARY.md: {missing:#?}");
    Ok(())
}

/// Someone who looks at README sees the dashboard first, where there is a picture of it.
#[test]
fn the_picture_of_the_dashboard_is_shown_where_there_is_one() -> Result<()> {
    const PICTURE: &str = "docs/images/dashboard.png";
    let shown = fs_err::read_to_string(root()?.join("README.md"))?.contains(&format!("({PICTURE})"));
    ensure!(shown == root()?.join(PICTURE).exists(), "{PICTURE}: shown is {shown}");
    Ok(())
}
