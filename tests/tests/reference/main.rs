//! Taking over graphs of real reference servers, stopped (`egctl import-reference`) and running (`egctl pull`), and
//! comparing what their own clients see before and after.

mod damage;
mod import;
mod pull;

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::{Egctl, ServerBuilder, ServerProcess, python, shared};
use serde_json::Value;

const SECRET: &str = "test-secret";

/// Versions that write `.mp` and `.wal` files.
const WITH_FILES: [&str; 2] = ["0.28.0", "0.31.0"];

/// Graphs that `reference_fill.py` puts something into, by the stems of their files.
const FILLED: [&str; 4] = ["plain", "a_b", "agent___", "tenant__acme____bus__"];

/// A reference server without checkpoints of its own.
fn reference(version: &str) -> ServerBuilder {
    ServerProcess::reference(version).arg("--checkpoint-interval").arg("0")
}

fn endpoint(server: &ServerProcess) -> String {
    format!("unix://{}", server.socket().display())
}

/// Runs a script of `tests/python` with the client of `version`; returns what it printed.
fn script(version: &str, name: &str, server: &ServerProcess, args: &[&str]) -> Result<String> {
    let folder = shared::package()?.join("python");
    let source = fs_err::read_to_string(folder.join(name))?;
    let env =
        [("PYTHONPATH", folder.to_str().context("path of the scripts")?), ("PYTHONDONTWRITEBYTECODE", "1")];
    let endpoint = endpoint(server);
    let args = [&[endpoint.as_str(), server.secret()], args].concat();
    let output = python::run_with_env(version, &source, &args, &env)?;
    ensure!(output.code == Some(0), "{name} {args:?} with client {version}: {}", output.stderr);
    Ok(output.stdout)
}

fn fill(version: &str, server: &ServerProcess, phase: &str) -> Result<()> {
    script(version, "reference_fill.py", server, &[phase]).map(drop)
}

/// All that the client of `version` sees, by graph.
fn dump(version: &str, server: &ServerProcess, flags: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&script(version, "reference_dump.py", server, flags)?)?)
}

fn checkpoint(server: &ServerProcess) -> Result<()> {
    server.client()?.call("", "Checkpoint", None)?;
    Ok(())
}

/// The reference writes its log behind its answers: waits until `marker` is in the log of every filled graph, then
/// kills it.
fn kill_behind(server: &mut ServerProcess, marker: &str) -> Result<()> {
    for stem in FILLED {
        let path = server.persist_dir().join(format!("{stem}.wal"));
        let has_marker = || -> Result<Option<()>> {
            let log = fs_err::read(&path)?;
            Ok(log.windows(marker.len()).any(|part| part == marker.as_bytes()).then_some(()))
        };
        let found = poll(Duration::from_secs(10), Duration::from_millis(5), has_marker)?;
        found.with_context(|| format!("{marker} is not in {}", path.display()))?;
    }
    server.kill9()
}

/// Runs `egctl` with the secret and no other configuration.
fn egctl(args: &[&str]) -> Result<Output> {
    Egctl::with_secret(SECRET).run(args)
}

/// Runs `egctl ... --json`, which must end with this code; returns its report.
fn report(code: i32, args: &[&str]) -> Result<Value> {
    Egctl::with_secret(SECRET).report(code, args)
}

/// The entry of a graph in a report.
fn graph<'r>(report: &'r Value, name: &str) -> Result<&'r Value> {
    let graphs = report["graphs"].as_array().context("graphs")?;
    graphs.iter().find(|graph| graph["graph"] == name).with_context(|| format!("no {name:?} in {report:#}"))
}

/// Whether two dumps show the same of a graph; the error has the first part that differs.
fn same(before: &Value, after: &Value, name: &str) -> Result<()> {
    let parts = before[name].as_object().with_context(|| format!("{name:?} was not there before"))?;
    for (part, content) in parts {
        let found = &after[name][part];
        ensure!(content == found, "{part} of {name:?}:\n{content}\n{found}");
    }
    Ok(())
}

/// Our server on a directory that `egctl` has written.
fn ours_on(dir: &Path) -> Result<ServerProcess> {
    ServerProcess::ours().persist_dir(dir).start()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

/// Name and content of every file in a directory.
fn files(dir: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        let entry = entry?;
        files.push((entry.file_name().to_string_lossy().into_owned(), fs_err::read(entry.path())?));
    }
    files.sort();
    Ok(files)
}
