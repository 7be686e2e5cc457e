//! `egctl status`: which shards answer, and what they say of themselves.

mod shard;
mod text;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use epistemic_operations::quantity::parse_time;
use epistemic_router::Endpoint;
use epistemic_router::status::ScrubStatus;
use indicatif::{HumanBytes, HumanDuration};
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::sleep;

use self::shard::{Look, Shard};
use crate::exit::{EXIT_CODES, Exit, Failure, exit_of};
use crate::output::OutputArgs;
use crate::shards::ShardArgs;

/// What the codes mean here.
const CODES: &str = "\
Exit codes of status, the first that fits:
  3  a shard refuses connections, hangs or cannot be reached
  1  a shard answers with an error: it has another secret, say
  2  wrong usage, or a shard has another endpoint list
  0  all shards answer; whether they take writes and are sound is in the table
";

/// Show whether each shard answers, takes writes and has recent checkpoints.
#[derive(Args, Debug)]
#[command(after_help = format!("{CODES}\n{EXIT_CODES}"))]
pub(super) struct StatusArgs {
    #[command(flatten)]
    shards: ShardArgs,
    /// Time for each shard to answer; all are asked at once.
    #[arg(long, default_value = "2s", value_name = "TIME", value_parser = parse_time)]
    timeout: Duration,
    /// Look again at this distance, 2s unless said, until stopped. With --json each shard is a line.
    #[arg(long, num_args = 0..=1, default_missing_value = "2s", value_name = "TIME", value_parser = parse_time)]
    watch: Option<Duration>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Shards {
    shards: Vec<Shard>,
}

/// Prints a row as each shard answers and then the rest. Fails when one did not answer.
pub(super) fn run(args: &StatusArgs, runtime: &Runtime) -> Result<()> {
    let look = Look {
        secret: args.shards.secret()?,
        options: args.shards.options()?,
        timeout: args.timeout,
        list: args.shards.list_to_compare()?,
    };
    let endpoints = args.shards.list()?.as_slice().to_vec();
    let done = runtime.block_on(async {
        loop {
            let shards = show(args, &look, &endpoints).await?;
            match args.watch {
                Some(pause) => sleep(pause).await,
                None => return Ok::<_, io::Error>(shards),
            }
        }
    });
    match done {
        Ok(shards) => Ok(failure(&shards).map_or(Ok(()), Err)?),
        // A reader that has closed the pipe has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// One look at all shards, printed as it comes. The shards in the order of the list.
async fn show(args: &StatusArgs, look: &Look, endpoints: &[Endpoint]) -> io::Result<Vec<Shard>> {
    let (sender, mut answers) = mpsc::unbounded_channel();
    for (index, endpoint) in endpoints.iter().cloned().enumerate() {
        let (look, sender) = (look.clone(), sender.clone());
        tokio::spawn(async move {
            let shard = look.at(&endpoint).await;
            // Nobody listens when printing has failed.
            let _ = sender.send((index, shard));
        });
    }
    drop(sender);
    let mut out = io::stdout();
    let width = endpoints.iter().map(|endpoint| endpoint.as_str().chars().count()).max().unwrap_or(0);
    let (as_json, lines) = (args.output.is_json(), args.watch.is_some());
    if !as_json {
        if lines && out.is_terminal() {
            write!(out, "\x1b[2J\x1b[H")?;
        }
        text::write_heading(&mut out, width)?;
    }
    let mut shards = Vec::with_capacity(endpoints.len());
    while let Some((index, shard)) = answers.recv().await {
        match (as_json, lines) {
            (false, _) => text::write_shard(&mut out, width, &shard)?,
            (true, true) => writeln!(out, "{}", serde_json::to_string(&shard)?)?,
            (true, false) => {}
        }
        out.flush()?;
        shards.push((index, shard));
    }
    shards.sort_by_key(|(index, _)| *index);
    let shards: Vec<_> = shards.into_iter().map(|(_, shard)| shard).collect();
    if !as_json {
        shards.iter().try_for_each(|shard| text::write_details(&mut out, shard))?;
        if lines {
            writeln!(out)?;
        }
    } else if !lines {
        let report = Shards { shards };
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        return Ok(report.shards);
    }
    Ok(shards)
}

/// The error of the command, all lines under the worst code.
fn failure(shards: &[Shard]) -> Option<Failure> {
    let rank =
        |exit: Exit| [Exit::Unreachable, Exit::Failed].iter().position(|worst| *worst == exit).unwrap_or(2);
    let failed = shards.iter().filter_map(|shard| {
        let (cause, text) = shard.failure()?;
        Some((exit_of(cause), &shard.endpoint, text))
    });
    let mut failed: Vec<_> = failed.collect();
    failed.sort_by_key(|(exit, ..)| rank(*exit));
    let (exit, ..) = *failed.first()?;
    let lines = failed.iter().map(|(_, endpoint, text)| match text.contains(&format!("'{endpoint}'")) {
        true => (*text).to_owned(),
        false => format!("{endpoint}: {text}"),
    });
    Some(Failure::new(exit, lines.collect::<Vec<_>>().join("\negctl: ")))
}

/// When everything was last read, and how far it is read now.
pub(super) fn scrub_line(scrub: &ScrubStatus) -> String {
    let last = match scrub.last_ended_ms {
        Some(ended) => format!("all tables read {}", ago(ended)),
        None => "not all tables were read yet".to_owned(),
    };
    let now = match (scrub.running, scrub.bytes_read, scrub.bytes_total) {
        (true, Some(read), Some(total)) => format!(", now at {} of {}", HumanBytes(read), HumanBytes(total)),
        _ if scrub.interval_s == 0 => ", only when asked for".to_owned(),
        _ => String::new(),
    };
    let found = if scrub.found > 0 { format!(", {} damaged parts", scrub.found) } else { String::new() };
    format!("{last}{now}{found}")
}

/// How long ago a time in Unix milliseconds was.
pub(super) fn ago(created_ms: u64) -> String {
    let age = epistemic_storage::clock::unix_ms().saturating_sub(created_ms);
    format!("{} ago", HumanDuration(Duration::from_millis(age)))
}
