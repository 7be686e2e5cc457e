//! What must be equal on both sides before a graph is handed over.

use anyhow::{Result, anyhow};

use super::error::MoveError;
use crate::hosts::{Changed, Content, Overtaken, Party};

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
/// [`Overtaken`] when they are at different changes; the contents differ.
pub(super) fn same_content(graph: &str, here: &Content, there: &Content) -> Result<()> {
    same_graph(graph, here, there)?;
    if (here.ledger, here.bytes) == (there.ledger, there.bytes) {
        Ok(())
    } else {
        Err(differ(graph, here, there))
    }
}

/// [`same_content`] of what is served: how much of its ledger a place keeps is its own business.
///
/// # Errors
/// As there.
pub(super) fn same_graph(graph: &str, here: &Content, there: &Content) -> Result<()> {
    same_sequence(here.sequence, there.sequence)?;
    let of = |content: &Content| (content.nodes, content.edges, content.vectors, content.digest.clone());
    if of(here) == of(there) { Ok(()) } else { Err(differ(graph, here, there)) }
}

/// # Errors
/// As [`same_content`].
pub(super) fn same_changes(graph: &str, here: &Changed, there: &Changed) -> Result<()> {
    same_sequence(here.sequence, there.sequence)?;
    let of = |changed: &Changed| (changed.nodes, changed.edges, changed.vectors, changed.digest.clone());
    if of(here) == of(there) { Ok(()) } else { Err(differ(graph, here, there)) }
}

fn same_sequence(here: u64, there: u64) -> Result<()> {
    if here == there {
        return Ok(());
    }
    Err(Overtaken(format!("the source is at change {here}, the destination at {there}")).into())
}

fn differ(graph: &str, here: &impl std::fmt::Debug, there: &impl std::fmt::Debug) -> anyhow::Error {
    let (original, copy) = (format!("{here:?}"), format!("{there:?}"));
    MoveError::Differs { graph: graph.to_owned(), original, copy }.into()
}
