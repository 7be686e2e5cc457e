//! Two shards that know of each other, and setting one of them back.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::gateway::Gateway;
use epistemic_tests::http::{get, series};
use epistemic_tests::wait::poll;
use epistemic_tests::{Client, Egctl, ServerBuilder, ServerProcess};
use serde_json::Value;
use tempfile::TempDir;

use super::{GRAPH, LIMIT, add, told};

/// The shard that has the graph first, and the one that it moves to.
pub(super) struct Tier {
    pub(super) source: ServerProcess,
    pub(super) destination: ServerProcess,
    pub(super) list: String,
    pub(super) work: TempDir,
}

/// The endpoint of a server.
pub(super) fn endpoint(server: &ServerProcess) -> String {
    format!("unix://{}", server.socket().display())
}

impl Tier {
    /// Both running; the graph is at its owner with ten nodes.
    pub(super) fn start() -> Result<Self> {
        let builders = [ServerProcess::ours().metrics(), ServerProcess::ours().metrics()];
        let own = |builder: &ServerBuilder| format!("unix://{}", builder.socket().display());
        let list = builders.iter().map(own).collect::<Vec<_>>().join(",");
        let [first, second] = builders.map(|builder| {
            let own = own(&builder);
            builder.arg("--advertise").arg(own).arg("--endpoints").arg(&list).start()
        });
        let (mut source, mut destination) = (first?, second?);
        if source.client()?.create_graph(GRAPH).is_err() {
            destination.client()?.create_graph(GRAPH)?;
            std::mem::swap(&mut source, &mut destination);
        }
        add(&mut source.client()?, GRAPH, 0, 10)?;
        Ok(Self { source, destination, list, work: tempfile::tempdir()? })
    }

    /// `egctl`, with the secret of the shards and their list.
    pub(super) fn command(&self, args: &[&str]) -> Result<Command> {
        let egctl = Egctl::with_secret("test-secret").env("GRAPH_SERVICE_ENDPOINTS", &self.list);
        let mut command = egctl.command(args)?;
        command.current_dir(self.work.path());
        Ok(command)
    }

    /// Runs `egctl`, which must end with `code`; what it printed to either stream.
    pub(super) fn egctl(&self, code: i32, args: &[&str]) -> Result<(String, String)> {
        let Output { status, stdout, stderr } = self.command(args)?.output()?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (out, error) = (text(&stdout), text(&stderr));
        ensure!(status.code() == Some(code), "{args:?}: {status}, not {code}: {out}{error}");
        Ok((out, error))
    }

    /// Runs `egctl ... --json`, which must end with `code`.
    pub(super) fn json(&self, code: i32, args: &[&str]) -> Result<Value> {
        let (out, _) = self.egctl(code, &[args, &["--json"]].concat())?;
        serde_json::from_str(&out).with_context(|| format!("{args:?} printed no JSON: {out}"))
    }

    /// Moves the graph from the source to the destination.
    pub(super) fn move_there(&self, options: &[&str]) -> Result<()> {
        let (from, to) = (endpoint(&self.source), endpoint(&self.destination));
        self.egctl(0, &[&["move", GRAPH, "--from", &from, "--to", &to][..], options].concat()).map(drop)
    }

    /// Fails unless both commands tell of one conflict of this kind, and the destination's gateway does too.
    pub(super) fn is_told(&self, kind: &str) -> Result<()> {
        for command in [&["graphs"][..], &["owners", "check"]] {
            let answer = self.json(7, command)?;
            let conflicts = answer["conflicts"].as_array().context("conflicts")?;
            ensure!(conflicts.len() == 1 && conflicts[0]["kind"] == kind, "{command:?}: {answer}");
            ensure!(conflicts[0]["graph"] == GRAPH, "{answer}");
        }
        let gateway = Gateway::start(&self.list, "test-secret", &[])?;
        let metric = format!("epistemic_gateway_ownership_conflicts{{kind=\"{kind}\"}}");
        let page = poll(LIMIT, Duration::from_millis(50), || {
            let page = gateway.get("/metrics")?.body;
            anyhow::Ok(series(&page, &metric).map(|count| (count, page)))
        })?;
        let (count, page) = page.with_context(|| format!("the gateway has no {metric}"))?;
        ensure!(count == 1.0, "{page}");
        let seen = gateway.json("/api/tier")?;
        let shards = seen["shards"].as_array().context("shards")?;
        let mut notes = shards.iter().filter_map(|shard| shard["notes"].as_array()).flatten();
        ensure!(notes.any(|note| note["code"] == kind && note["graph"] == GRAPH), "{seen}");
        Ok(())
    }

    /// Fails unless nobody tells of a conflict, the shards within a while.
    pub(super) fn is_settled(&self) -> Result<()> {
        self.egctl(0, &["graphs"])?;
        let answer = self.json(0, &["owners", "check"])?;
        ensure!(
            answer["conflicts"] == Value::Array(Vec::new()) && answer["unasked"] == Value::Array(Vec::new())
        );
        for shard in [&self.source, &self.destination] {
            let mut client = shard.client()?;
            let settled = poll(LIMIT, Duration::from_millis(50), || {
                let open = told(&mut client, "two_owners")? + told(&mut client, "no_owner")?;
                anyhow::Ok((open == 0).then_some(()))
            })?;
            settled.with_context(|| format!("{} tells of conflicts still", endpoint(shard)))?;
        }
        Ok(())
    }
}

/// The newest checkpoint of a shard, which is taken now.
pub(super) fn checkpoint(shard: &ServerProcess) -> Result<PathBuf> {
    shard.client()?.call("", "Checkpoint", None)?;
    newest_checkpoint(shard)
}

/// The newest checkpoint of a shard.
pub(super) fn newest_checkpoint(shard: &ServerProcess) -> Result<PathBuf> {
    let folders = fs_err::read_dir(shard.persist_dir().join("checkpoints"))?;
    let folders = folders.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    folders.into_iter().filter(|path| path.extension().is_none()).max().context("no checkpoint")
}

/// Stops a shard and starts it on a directory that `make` makes; the socket stays the same.
pub(super) fn set_back(
    shard: &mut ServerProcess,
    directory: &Path,
    make: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    ensure!(shard.terminate()?.success(), "{}", shard.output());
    make(directory)?;
    *shard = shard.builder().persist_dir(directory).start()?;
    Ok(())
}

impl Tier {
    /// [`set_back`] to a checkpoint, by `egctl checkpoint restore`.
    pub(super) fn restore(&mut self, which: Which, checkpoint: &Path) -> Result<()> {
        let directory = self.work.path().join(format!("restored {which:?}"));
        let mut command = self.command(&["checkpoint", "restore"])?;
        command.arg(checkpoint).arg(&directory);
        set_back(self.shard(which), &directory, |_| {
            let output = command.output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Ok(())
        })
    }

    pub(super) fn shard(&mut self, which: Which) -> &mut ServerProcess {
        match which {
            Which::Source => &mut self.source,
            Which::Destination => &mut self.destination,
        }
    }

    /// A client of the source and one of the destination.
    pub(super) fn clients(&self) -> Result<[Client; 2]> {
        Ok([self.source.client()?, self.destination.client()?])
    }
}

/// One of the two.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    Source,
    Destination,
}

/// The value of a series of a shard.
pub(super) fn metric(shard: &ServerProcess, name: &str) -> Result<Option<f64>> {
    Ok(series(&get(shard.metrics_addr(), "/metrics")?.body, name))
}
