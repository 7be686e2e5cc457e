//! The walkthrough from start to end.

use std::io::Write;

use anyhow::Result;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::args::WalkthroughArgs;
use super::cluster::Cluster;
use super::narrator::Narrator;
use super::tools::Python;
use super::{failure, moving, resharding, routing, start, topology};
use crate::exit::{Exit, Failure};

/// Runs the walkthrough and prints it. Blocks; all servers it started have ended on return.
///
/// # Errors
/// When a check did not hold, a step failed, or it was interrupted.
pub(crate) fn run(args: &WalkthroughArgs, runtime: &Runtime) -> Result<()> {
    let out: Box<dyn Write> =
        if args.json { Box::new(std::io::stderr()) } else { Box::new(std::io::stdout()) };
    let mut narrator = Narrator::new(out);
    let outcome = runtime.block_on(async {
        tokio::select! {
            outcome = Box::pin(walk(args, &mut narrator)) => outcome,
            interrupted = interrupted() => interrupted,
        }
    });
    let failed = narrator.failed();
    let checks = narrator.record.checks.len();
    narrator.record.error = outcome.as_ref().err().map(|error| format!("{error:#}"));
    if args.json {
        let mut stdout = std::io::stdout().lock();
        serde_json::to_writer_pretty(&mut stdout, &narrator.record)?;
        writeln!(stdout)?;
    }
    outcome?;
    narrator.say(format!("\n{} of {checks} checks held.", checks - failed))?;
    if failed > 0 || checks == 0 {
        let message = format!("{failed} of {checks} checks of the walkthrough failed");
        return Err(Failure::new(Exit::Failed, message).into());
    }
    Ok(())
}

async fn walk(args: &WalkthroughArgs, narrator: &mut Narrator) -> Result<()> {
    let python = Python::from_args(args)?;
    let python = python.as_ref();
    let mut cluster = Cluster::prepare(args.keep)?;
    if args.keep {
        narrator.say(format!("Data and logs stay in {}", cluster.home().display()))?;
    }
    start::start(narrator, &mut cluster).await?;
    start::endpoint_list(narrator, &cluster)?;
    routing::route_and_write(narrator, &cluster, python).await?;
    topology::inspect(narrator, &cluster).await?;
    failure::stop_and_return(narrator, &mut cluster, python).await?;
    resharding::join(narrator, &mut cluster, python).await?;
    moving::move_graphs(narrator, &mut cluster, python).await?;
    narrator.section("8. Stop")?;
    for shard in &mut cluster.shards {
        if let Some(status) = shard.stop().await? {
            narrator.check(format!("{} ends with {status}", shard.endpoint), status.success())?;
        }
    }
    Ok(())
}

/// Ends with an error when the user or the system wants the program to end.
async fn interrupted() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    Err(Failure::new(Exit::Failed, "interrupted; the servers were stopped").into())
}
