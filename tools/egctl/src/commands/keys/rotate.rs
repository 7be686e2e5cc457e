//! `egctl keys rotate`: a new secret beside the old one, and later the end of the old one.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use epistemic_operations::names::shown;
use epistemic_router::status::ShardStatus;
use epistemic_storage::clock;
use serde::Serialize;
use tokio::runtime::Runtime;
use toml_edit::{Array, Item};

use super::NEXT;
use super::file::{Document, FileArgs, Kind, secret};
use super::given::{GivenArgs, random};
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};
use crate::shards::ShardArgs;

/// Give a key a new secret without stopping anything, in two steps.
///
/// 1. egctl keys rotate ID: the file gets a new secret, and the one before counts on. Copy the file to all shards, then give
///    the new secret to the clients, one after another (--secret-out, or egctl keys derive for tenants).
/// 2. egctl keys rotate ID --finish: asks the shards whether the old secret is still used (auth_requests_total with
///    secret="previous" tells the same), and takes it out of the file when it was not for --unused-for.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(in crate::commands) struct RotateArgs {
    /// Id of the key, or prefix of derived keys.
    id: String,
    /// The second step.
    #[arg(long)]
    finish: bool,
    /// With --finish: how long no shard may have seen the old secret, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "finish")]
    unused_for: u64,
    /// With --finish: do not ask the shards. Clients that have the old secret are shut out.
    #[arg(long, requires = "finish")]
    force: bool,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    given: GivenArgs,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Rotated<'a> {
    id: &'a str,
    finished: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    next: Vec<String>,
}

pub(super) fn run(args: &RotateArgs, runtime: &Runtime) -> Result<()> {
    let mut document = args.file.open()?;
    let kind = match document.parsed.derived.iter().any(|derived| derived.prefix == args.id) {
        true => Kind::Derived,
        false => Kind::Key,
    };
    if args.finish {
        return finish(args, document, kind, runtime);
    }
    let secrets = secrets(&mut document, kind, &args.id)?;
    if secrets.len() > 1 {
        let text = format!(
            "key {} is being rotated already: egctl keys rotate ID --finish ends that",
            shown(&args.id)
        );
        return Err(Failure::new(Exit::Usage, text).into());
    }
    let text = random();
    secrets.insert(0, secret(&text));
    secrets.fmt();
    let printed = args.given.give(&text)?;
    document.write()?;
    let clients = match kind {
        Kind::Key => {
            "then give the new secret to its clients, one after another; both count meanwhile".to_owned()
        }
        Kind::Derived => {
            "then give tenants their new secrets (egctl keys derive); both count meanwhile".to_owned()
        }
    };
    let last = format!("at last: egctl keys rotate {} --finish", args.id);
    let next = vec![NEXT.to_owned(), clients, last];
    args.output.print(&Rotated { id: &args.id, finished: false, secret: printed, next })
}

fn secrets<'a>(document: &'a mut Document, kind: Kind, id: &str) -> Result<&'a mut Array> {
    let entry = document.entry(kind, id)?;
    let list = entry.get_mut(kind.secrets()).and_then(Item::as_array_mut);
    list.ok_or_else(|| Failure::new(Exit::Usage, "keys file: the secrets are no list").into())
}

fn finish(args: &RotateArgs, mut document: Document, kind: Kind, runtime: &Runtime) -> Result<()> {
    let list = secrets(&mut document, kind, &args.id)?;
    if list.len() < 2 {
        let text = format!("key {} has one secret: nothing to finish", shown(&args.id));
        return Err(Failure::new(Exit::Usage, text).into());
    }
    list.remove(1);
    list.fmt();
    if !args.force {
        ask(args, kind, runtime)?;
    }
    document.write()?;
    let next = vec![NEXT.to_owned()];
    args.output.print(&Rotated { id: &args.id, finished: true, secret: None, next })
}

/// Whether no shard has seen the old secret lately, and all have the new one.
fn ask(args: &RotateArgs, kind: Kind, runtime: &Runtime) -> Result<()> {
    let answers = runtime.block_on(args.shards.ask_all::<ShardStatus>("ShardStatus"))?;
    let label = if kind == Kind::Derived { format!("{}*", args.id) } else { args.id.clone() };
    let now = clock::unix_ms();
    for (endpoint, status) in &answers.0 {
        let Ok(status) = status else { continue };
        let refuse = |text: String| -> Result<()> { Err(Failure::new(Exit::Failed, text).into()) };
        let Some(rotating) = status.keys.as_ref().and_then(|keys| keys.rotating.get(&label)) else {
            return refuse(format!(
                "{endpoint} does not have both secrets of key {}: give it the keys file first",
                shown(&args.id)
            ));
        };
        // A shard that has just started cannot know.
        let known_s = now.saturating_sub(rotating.since_ms) / 1000;
        let unused_s = rotating.previous_used_ms.map_or(known_s, |used| now.saturating_sub(used) / 1000);
        if Duration::from_secs(unused_s) < Duration::from_secs(args.unused_for) {
            let text = match rotating.previous_used_ms {
                Some(_) => format!(
                    "{endpoint} saw the old secret {unused_s} s ago; give its clients the new one, or wait"
                ),
                None => format!(
                    "{endpoint} has both secrets for {unused_s} s only, not yet for {} s",
                    args.unused_for
                ),
            };
            return refuse(format!("{text}; nothing was changed"));
        }
    }
    Ok(answers.failure()?)
}

impl Report for Rotated<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let what = if self.finished {
            "has its new secret only"
        } else {
            "has a new secret, and the one before counts on"
        };
        writeln!(out, "key {} {what}", shown(self.id))?;
        if let Some(secret) = &self.secret {
            writeln!(out, "{secret}")?;
        }
        self.next.iter().try_for_each(|step| writeln!(out, "next: {step}"))
    }
}
