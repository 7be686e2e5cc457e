//! The examples of `docs/egctl.md`: run in their order on a shard, with what is shown below them.

use anyhow::{Context, Result, ensure};
use epistemic_tests::{ServerProcess, shared};
use tempfile::TempDir;

use super::{command, endpoint};

/// A command of a page and the lines below it.
struct Example {
    words: Vec<String>,
    shown: Vec<String>,
}

/// The examples, and the files that are shown with their names.
fn read(page: &str) -> (Vec<Example>, Vec<(String, String)>) {
    let (mut examples, mut files): (Vec<Example>, Vec<(String, String)>) = (Vec::new(), Vec::new());
    let (mut fence, mut file) = (None, None);
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("<!-- file: ") {
            file = Some(name.trim_end_matches(" -->").to_owned());
        } else if let Some(kind) = line.strip_prefix("```") {
            if fence.take().is_none() {
                fence = Some(kind.to_owned());
                files.extend(file.take().map(|name| (name, String::new())));
            }
        } else if fence.as_deref() == Some("json") {
            if let Some((_, content)) = files.last_mut() {
                content.push_str(&format!("{line}\n"));
            }
        } else if fence.as_deref() == Some("console") {
            match (line.strip_prefix("$ egctl "), examples.last_mut()) {
                (Some(words), _) => {
                    let words = words.split(' ').map(str::to_owned).collect();
                    examples.push(Example { words, shown: Vec::new() });
                }
                (None, Some(example)) => example.shown.push(line.to_owned()),
                (None, None) => {}
            }
        }
    }
    (examples, files)
}

/// Whether a line is as it is shown; `…` stands for anything.
fn is_like(line: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn every_example_says_what_is_shown() -> Result<()> {
    let page = fs_err::read_to_string(shared::package()?.join("../docs/egctl.md"))?;
    let (examples, files) = read(&page);
    ensure!(examples.len() > 20 && files.len() == 1, "{} examples", examples.len());
    let server = ServerProcess::ours().start()?;
    let home = TempDir::new()?;
    for (name, content) in files {
        fs_err::write(home.path().join(name), content)?;
    }
    for Example { words, shown } in examples {
        let args: Vec<_> = words.iter().map(String::as_str).collect();
        let output =
            command(&args)?.env("GRAPH_SERVICE_ENDPOINTS", endpoint(&server)).current_dir(&home).output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success() && error.is_empty(), "{words:?}: {error}");
        let said = String::from_utf8(output.stdout).context("UTF-8")?;
        let said: Vec<_> = said.lines().collect();
        // What ends with a line of dots goes on.
        let goes_on = shown.last().is_some_and(|line| line == "…");
        let shown = if goes_on { &shown[..shown.len() - 1] } else { &shown[..] };
        let is_all =
            said.len() == shown.len() || (said.len() > shown.len() && (goes_on || words[0] == "endpoints"));
        let is_like = said.iter().zip(shown).all(|(line, shown)| is_like(line, shown));
        ensure!(is_all && is_like, "{words:?} said {said:#?}\nshown is {shown:#?}");
    }
    Ok(())
}

#[test]
fn dots_stand_for_anything() {
    assert!(is_like("created x at y", "created x at …") && is_like("a b c", "a … c") && is_like("a", "a"));
    assert!(!is_like("a b", "a") && !is_like("b", "a…") && !is_like("a b", "a…c"));
}
