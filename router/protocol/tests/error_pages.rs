//! Every error has a page in `docs/errors/` that says what to do.

#![expect(clippy::unwrap_used, reason = "a file that cannot be read fails the test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use epistemic_protocol::ErrorCode;
use fs_err as fs;

const WHAT_TO_DO: &str = "\n## What to do\n";

fn repository() -> PathBuf {
    // Asked when the test runs: a test built in another checkout may be taken for this one's.
    Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it for tests")).join("../..")
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

/// The page of a code that a text shows has its name as title; any other page names it.
#[test]
fn every_code_has_a_page() {
    for code in ErrorCode::ALL {
        let page = fs::read_to_string(repository().join(code.page()));
        let text = page.unwrap_or_else(|error| panic!("{code}: {error}"));
        assert!(
            text.starts_with(&format!("# {code}\n"))
                || !code.begins_texts() && text.contains(&format!("`{code}`")),
            "{} is not about {code}",
            code.page()
        );
    }
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
