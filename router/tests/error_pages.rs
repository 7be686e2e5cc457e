//! Every error has a page in `docs/errors/` that says what to do.

#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fs_err as fs;

const WHAT_TO_DO: &str = "\n## What to do\n";

fn repository() -> PathBuf {
    // Asked when the test runs: a test built in another checkout may be taken for this one's.
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for tests")).join("..")
}

/// The names of all pages, without their extension and without the index.
fn pages() -> BTreeSet<String> {
    fs::read_dir(repository().join("docs/errors"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.strip_suffix(".md").expect("only pages are in docs/errors").to_owned())
        .filter(|name| name != "README")
        .collect()
}

fn page(name: &str) -> String {
    fs::read_to_string(repository().join(format!("docs/errors/{name}.md"))).unwrap()
}

/// The string literals in the bodies of all functions `code` of the router's errors, and in its table of the server's
/// codes with what follows up to the next function.
fn codes() -> BTreeSet<String> {
    let source = |name| fs::read_to_string(repository().join("router/src").join(name)).unwrap();
    let (errors, texts) = (source("error.rs"), source("server_text.rs"));
    let bodies = errors.split("pub fn code(&self) -> &'static str {").skip(1);
    let bodies = bodies.map(|rest| rest.split("\n    }\n").next().unwrap_or_default());
    let table = texts.split("const CODES: ").skip(1).map(|rest| rest.split("fn ").next().unwrap_or_default());
    bodies.chain(table).flat_map(|body| body.split('"').skip(1).step_by(2).map(str::to_owned)).collect()
}

/// Words in capitals that a text of the server may begin with, and that no client reads: they are logged, or the client
/// has gone.
const UNREAD: [&str; 4] = ["SECURITY", "SIGTERM", "SIGINT", "CANCELLED"];

/// The words in capitals that string literals of a source begin with, as in `"BUSY: ..."`.
fn capitals(source: &str) -> impl Iterator<Item = &str> {
    let words = source.split('"').filter_map(|text| text.split_once(": ").map(|(word, _)| word));
    words.filter(|word| word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
}

/// The sources of a folder.
fn sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// The pages that a source names.
fn named_in(source: &str) -> impl Iterator<Item = &str> {
    let names = source.split("docs/errors/").skip(1).filter_map(|rest| rest.split_once(".md"));
    names.map(|(name, _)| name).filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
}

#[test]
fn every_code_has_a_page_with_its_name_as_title() {
    let codes = codes();
    for code in ["SHARD_UNREACHABLE", "BUSY", "MOVED", "MOVING"] {
        assert!(codes.contains(code), "{codes:?}");
    }
    let pages = pages();
    for code in codes {
        let name = code.to_ascii_lowercase().replace('_', "-");
        assert!(pages.contains(&name), "docs/errors/{name}.md is missing for {code}");
        assert!(page(&name).starts_with(&format!("# {code}\n")), "docs/errors/{name}.md is not about {code}");
    }
}

#[test]
fn every_code_of_a_server_has_a_page() {
    let (pages, mut found) = (pages(), BTreeSet::new());
    for source in ["storage/src", "engine/src"].iter().flat_map(|folder| sources(&repository().join(folder)))
    {
        found.extend(capitals(&source).filter(|word| !UNREAD.contains(word)).map(str::to_owned));
    }
    assert!(found.contains("BUSY") && found.contains("WRONG_SHARD"), "{found:?}");
    let page = |code: &String| code.to_ascii_lowercase().replace('_', "-");
    let missing: Vec<_> = found.iter().filter(|code| !pages.contains(&page(code))).collect();
    assert!(missing.is_empty(), "no page in docs/errors for {missing:?}");
}

#[test]
fn every_page_named_in_the_sources_exists() {
    let mut named = BTreeSet::new();
    for package in ["storage/src", "engine/src", "router/src", "tools/src"] {
        for source in sources(&repository().join(package)) {
            named.extend(named_in(&source).map(str::to_owned));
        }
    }
    assert!(named.contains("corrupt"), "{named:?}");
    let missing: Vec<_> = named.difference(&pages()).cloned().collect();
    assert!(missing.is_empty(), "no page in docs/errors for {missing:?}");
}

#[test]
fn every_page_says_what_to_do_and_is_in_the_index() {
    let index = page("README");
    for name in pages() {
        let text = page(&name);
        assert!(text.starts_with("# "), "{name} has no title");
        let advice = text.split_once(WHAT_TO_DO).map(|(_, advice)| advice.trim());
        assert!(advice.is_some_and(|advice| !advice.is_empty()), "{name} does not say what to do");
        assert!(index.contains(&format!("]({name}.md)")), "{name} is not in the index");
    }
}

/// Links between pages, and to the documents around them.
#[test]
fn links_lead_somewhere() {
    let docs = repository().join("docs/errors");
    for name in pages().into_iter().chain(["README".to_owned()]) {
        for link in
            page(&name).split("](").skip(1).filter_map(|rest| rest.split(')').next().map(str::to_owned))
        {
            let file = link.split('#').next().unwrap_or_default();
            assert!(link.contains("://") || docs.join(file).is_file(), "{name} links to {link}");
        }
    }
}
