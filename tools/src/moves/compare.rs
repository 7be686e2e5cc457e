//! What must be equal on both sides before a graph is handed over.

use anyhow::{Result, anyhow};

use super::party::{Changed, Content, Party};
use crate::cli::{Exit, Failure};

/// Runs the same question on both sides at once.
pub(super) fn both<T: Send>(
    source: &dyn Party,
    destination: &dyn Party,
    ask: impl Fn(&dyn Party) -> Result<T> + Sync,
) -> Result<(T, T)> {
    std::thread::scope(|scope| {
        let there =
            std::thread::Builder::new().name("compare".into()).spawn_scoped(scope, || ask(destination))?;
        let here = ask(source);
        let there = there.join().map_err(|_| anyhow!("a comparison panicked"))?;
        Ok((here?, there?))
    })
}

/// # Errors
/// The contents differ.
pub(super) fn same_content(graph: &str, here: &Content, there: &Content) -> Result<()> {
    if here == there {
        return Ok(());
    }
    Err(differ(graph, &format!("{here:?}"), &format!("{there:?}")))
}

/// # Errors
/// The changes differ.
pub(super) fn same_changes(graph: &str, here: &Changed, there: &Changed) -> Result<()> {
    if here == there {
        return Ok(());
    }
    Err(differ(graph, &format!("{here:?}"), &format!("{there:?}")))
}

fn differ(graph: &str, here: &str, there: &str) -> anyhow::Error {
    let message = format!(
        "graph '{graph}': the copy differs from the original, which stays where it is: source {here}, destination {there}. \
         Check both with egctl verify, then abort this move"
    );
    Failure::new(Exit::Refused, message).into()
}
