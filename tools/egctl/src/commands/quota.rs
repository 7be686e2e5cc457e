//! `egctl quota`: what tenants may have and use at most, and do.

use std::io::{self, Write};

use anyhow::Result;
use clap::{Args, Subcommand};
use epistemic_operations::error::message_of;
use epistemic_operations::names::shown;
use epistemic_router::status::{Quotas, TenantQuota};
use serde::Serialize;
use tokio::runtime::Runtime;

use crate::exit::EXIT_CODES;
use crate::output::{OutputArgs, Report};
use crate::shards::{Answers, ShardArgs};
use crate::table::{shortened, write_table};

/// The quota commands.
#[derive(Subcommand, Debug)]
pub(super) enum QuotaCommand {
    Show(ShowArgs),
    Set(SetArgs),
}

/// Show what each tenant may have and use, and does, on each shard.
///
/// A tenant has its limits on every shard for itself. Nodes, edges, graphs and embeddings are exact, bytes stored are an
/// estimate.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct ShowArgs {
    /// Only this tenant; an empty name is that of graphs that belong to nobody.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Set limits of a tenant, or of all tenants that match a pattern, on running shards.
///
/// It is in force at once and stays after a restart (quotas.json in the persist directory). What is set goes before the
/// file of --quotas, limit by limit; a name goes before a pattern. Other limits that were set for the same pattern stay.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct SetArgs {
    /// Name of a tenant, or a pattern in which * stands for any characters.
    tenant: String,
    /// LIMIT=VALUE, LIMIT=none (not limited) or LIMIT=file (as the file says). Limits: graphs, nodes, edges, embeddings,
    /// stored_bytes, requests_per_second, bytes_per_second, write_cost_per_second, compute_seconds_per_minute, connections,
    /// cursors. Bytes may have a unit: 10GiB.
    #[arg(value_name = "LIMIT=VALUE", required_unless_present = "clear")]
    limits: Vec<String>,
    /// Drop all that was set for this tenant or pattern.
    #[arg(long, conflicts_with = "limits")]
    clear: bool,
    #[command(flatten)]
    shards: ShardArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize, Clone)]
struct ShowParams {
    tenant: Option<String>,
}

#[derive(Serialize, Clone)]
struct SetParams {
    tenant: String,
    limits: Vec<String>,
}

pub(super) fn run(command: &QuotaCommand, runtime: &Runtime) -> Result<()> {
    match command {
        QuotaCommand::Show(args) => show(args, runtime),
        QuotaCommand::Set(args) => set(args, runtime),
    }
}

fn show(args: &ShowArgs, runtime: &Runtime) -> Result<()> {
    let params = ShowParams { tenant: args.tenant.clone() };
    let answers = runtime.block_on(args.shards.ask_all_with::<Quotas, _>("QuotaShow", params))?;
    let shards = each(&answers, |quotas| quotas.clone());
    args.output.print(&Shown { shards })?;
    Ok(answers.failure()?)
}

fn set(args: &SetArgs, runtime: &Runtime) -> Result<()> {
    let params = SetParams { tenant: args.tenant.clone(), limits: args.limits.clone() };
    let answers = runtime.block_on(args.shards.ask_all_with::<String, _>("QuotaSet", params))?;
    let shards = each(&answers, |_| ());
    args.output.print(&Set { tenant: &args.tenant, limits: &args.limits, shards })?;
    Ok(answers.failure()?)
}

#[derive(Serialize)]
struct Shard<T> {
    endpoint: String,
    /// Absent when it did not answer, or refused.
    answer: Option<T>,
    error: Option<String>,
}

fn each<A, T>(answers: &Answers<A>, of: impl Fn(&A) -> T) -> Vec<Shard<T>> {
    let shards = answers.0.iter().map(|(endpoint, answer)| Shard {
        endpoint: endpoint.to_string(),
        answer: answer.as_ref().ok().map(&of),
        error: answer.as_ref().err().map(message_of),
    });
    shards.collect()
}

#[derive(Serialize)]
struct Shown {
    shards: Vec<Shard<Quotas>>,
}

#[derive(Serialize)]
struct Set<'a> {
    tenant: &'a str,
    limits: &'a [String],
    shards: Vec<Shard<()>>,
}

impl Report for Shown {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        for shard in &self.shards {
            let Some(quotas) = &shard.answer else {
                writeln!(out, "{}  no answer", shard.endpoint)?;
                continue;
            };
            writeln!(out, "{}  {}", shard.endpoint, rules(quotas))?;
            for setting in &quotas.set {
                writeln!(out, "  set for {}: {}", shown(&setting.tenant), setting.limits.join(" "))?;
            }
            let rows: Vec<_> = quotas.tenants.iter().flat_map(rows).collect();
            if !rows.is_empty() {
                write_table(out, ["tenant", "limit", "used", "of", "rule"], &rows)?;
            }
            if quotas.left_out > 0 {
                writeln!(out, "  ... and {} more tenants", quotas.left_out)?;
            }
            if !quotas.refused.is_empty() {
                let refused: Vec<_> =
                    quotas.refused.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
                writeln!(out, "  refused since the start: {}", refused.join(", "))?;
            }
        }
        Ok(())
    }
}

fn rules(quotas: &Quotas) -> String {
    match &quotas.file {
        _ if !quotas.on => "no quotas".to_owned(),
        Some(file) => format!("{} rules in {file}", quotas.file_rules),
        None => "no file of quotas".to_owned(),
    }
}

/// A row for each limit of a tenant.
fn rows(tenant: &TenantQuota) -> Vec<[String; 5]> {
    let row = |(kind, limit): (&String, &u64)| {
        let used = tenant.used.get(kind).map_or_else(|| "-".to_owned(), u64::to_string);
        [shortened(&tenant.tenant), kind.clone(), used, limit.to_string(), shortened(&tenant.rule)]
    };
    tenant.limits.iter().map(row).collect()
}

impl Report for Set<'_> {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let set = if self.limits.is_empty() { "nothing is set".to_owned() } else { self.limits.join(" ") };
        for shard in &self.shards {
            match &shard.error {
                None => writeln!(out, "{}  {}: {set}", shard.endpoint, shown(self.tenant))?,
                Some(_) => writeln!(out, "{}  not set", shard.endpoint)?,
            }
        }
        Ok(())
    }
}
