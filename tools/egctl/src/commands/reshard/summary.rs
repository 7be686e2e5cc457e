//! What a reshard came to, for people.

use std::io::{self, Write};
use std::time::Duration;

use epistemic_operations::names::shown;
use epistemic_operations::reshard::{FailedMove, Pauses, Summary};
use indicatif::{HumanBytes, HumanCount, HumanDuration};

use crate::output::Report;

/// Failures that people are shown.
const SHOWN: usize = 20;

impl Report for Summary {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Self { graphs, found_later, moved, given_up, gone, left, failed, nodes, edges, .. } = self;
        write!(out, "{} of {} graphs moved", HumanCount(*moved as u64), HumanCount(*graphs as u64))?;
        for (count, what) in [
            (found_later, "not in the plan"),
            (given_up, "given up"),
            (gone, "deleted meanwhile"),
            (left, "left"),
            (&failed.len(), "failed"),
        ] {
            if *count > 0 {
                write!(out, ", {} {what}", HumanCount(*count as u64))?;
            }
        }
        writeln!(out)?;
        if *moved > 0 {
            writeln!(
                out,
                "receipts: {} nodes, {} edges, {} embeddings, {}, in {}",
                HumanCount(*nodes),
                HumanCount(*edges),
                HumanCount(self.vectors),
                HumanBytes(self.bytes),
                HumanDuration(Duration::from_secs_f64(self.seconds))
            )?;
        }
        if let Some(Pauses { p50, p99, max }) = self.pause_ms {
            writeln!(
                out,
                "writes of a graph were refused for {p50:.1} ms (p50), {p99:.1} ms (p99), {max:.1} ms (most)"
            )?;
        }
        for FailedMove { graph, from, to, error } in failed.iter().take(SHOWN) {
            writeln!(out, "failed: {} from {from} to {to}: {error}", shown(graph))?;
        }
        if failed.len() > SHOWN {
            writeln!(out, "and {} more: --json shows all", failed.len() - SHOWN)?;
        }
        writeln!(out, "{}", self.next)
    }
}
