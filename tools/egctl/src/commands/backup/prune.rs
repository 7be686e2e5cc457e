//! `egctl backup prune`.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use epistemic_operations::backup::{self, Keep, Pruned, Pruning};
use indicatif::{HumanBytes, HumanCount};
use serde::Serialize;
use tokio::runtime::Runtime;

use super::FromArgs;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};

const HOUR: Duration = Duration::from_secs(3600);

/// Remove runs that no rule keeps, and the objects that no run needs any more.
///
/// Rules count for each store of the backup alone. A run stays when any of the --keep rules names it; objects stay while a run that stays needs them. What runs that
/// were cut short left is removed when it is a day old.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct PruneArgs {
    #[command(flatten)]
    from: FromArgs,
    /// Keep the newest N runs.
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep_last: usize,
    /// Keep the newest run of each of the newest N days (UTC) that have one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep_daily: usize,
    /// Keep the newest run of each of the newest N weeks that have one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep_weekly: usize,
    /// Keep the newest run of each of the newest N months that have one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    keep_monthly: usize,
    /// Remove this run whatever the rules say; a run whose manifest is damaged goes only so. May be repeated.
    #[arg(long, value_name = "RUN")]
    forget: Vec<String>,
    /// Hours after which objects of no run are taken for leftovers.
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    leftovers_after: u64,
    /// Finish what another prune began that is not running any more.
    #[arg(long)]
    take_over: bool,
    /// Say what would go, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(args: &PruneArgs, runtime: &Runtime) -> Result<()> {
    let keep = Keep {
        last: args.keep_last,
        daily: args.keep_daily,
        weekly: args.keep_weekly,
        monthly: args.keep_monthly,
    };
    let rules = [keep.last, keep.daily, keep.weekly, keep.monthly];
    if rules.iter().all(|rule| *rule == 0) {
        let message =
            "say what stays, for example --keep-daily 7 --keep-weekly 4: without a rule every run would go";
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let objects = args.from.open(runtime)?;
    let leftover_ms =
        u64::try_from(HOUR.as_millis()).unwrap_or(u64::MAX).saturating_mul(args.leftovers_after);
    let pruning =
        Pruning { keep, forget: &args.forget, leftover_ms, take_over: args.take_over, dry_run: args.dry_run };
    let Pruned { kept, removed, objects: gone, bytes } = backup::prune(&objects, &pruning)?;
    let from = objects.url().to_owned();
    args.output.print(&Summary { from, dry_run: args.dry_run, kept, removed, objects: gone, bytes })
}

#[derive(Serialize)]
struct Summary {
    from: String,
    /// Nothing was changed.
    dry_run: bool,
    kept: Vec<String>,
    removed: Vec<String>,
    /// Objects removed, and their bytes.
    objects: u64,
    bytes: u64,
}

impl Report for Summary {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let done = if self.dry_run { "would remove" } else { "removed" };
        let (objects, bytes) = (HumanCount(self.objects), HumanBytes(self.bytes));
        writeln!(out, "{done}  {} runs, {objects} objects ({bytes}) from {}", self.removed.len(), self.from)?;
        self.removed.iter().try_for_each(|run| writeln!(out, "  removed  {run}"))?;
        self.kept.iter().try_for_each(|run| writeln!(out, "  kept     {run}"))
    }
}
