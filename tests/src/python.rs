//! Scripts run under the interpreter of a reference version, with its real client importable.
//!
//! A version may also be [`NETWORKX`], the environment of 0.31.0 that has networkx and numpy as well.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The environment for scripts that need networkx; `scripts/setup` makes it.
pub const NETWORKX: &str = "networkx";

/// Lines of a failed script's output that are worth showing.
const TAIL: usize = 60;

/// What a script left behind.
#[derive(Debug)]
pub struct ScriptOutput {
    /// Exit status, or nothing when a signal ended the script.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `script` (Python source) with `args` in `sys.argv[1:]` and waits for it. An error only when it cannot start.
pub fn run(version: &str, script: &str, args: &[&str]) -> Result<ScriptOutput> {
    run_with_env(version, script, args, &[])
}

/// As [`run`], with more environment variables.
pub fn run_with_env(
    version: &str,
    script: &str,
    args: &[&str],
    env: &[(&str, &str)],
) -> Result<ScriptOutput> {
    let python = crate::binaries::reference_python(version)?;
    let output = Command::new(&python)
        .args(["-c", script])
        .args(args)
        .envs(env.iter().copied())
        .output()
        .with_context(|| format!("start {}", python.display()))?;
    Ok(ScriptOutput {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs a script that must exit with 0, and returns its standard output.
pub fn check(version: &str, script: &str, args: &[&str]) -> Result<String> {
    let out = run(version, script, args)?;
    let (code, stdout, stderr) = (out.code, &out.stdout, &out.stderr);
    ensure!(code == Some(0), "python client {version}: exit {code:?}\nstdout:\n{stdout}\nstderr:\n{stderr}");
    Ok(out.stdout)
}

/// Runs a script of `tests/python`, which takes the server's secret from its environment. It must exit with 0 and end
/// with a line `ok ...`, which is returned; else the error has the end of its output.
pub fn judge(version: &str, script: &str, args: &[&str], secret: &str) -> Result<String> {
    let python = crate::binaries::reference_python(version)?;
    let output = Command::new(&python)
        .arg(crate::shared::package()?.join("python").join(script))
        .args(args)
        .env("GRAPH_SERVICE_AUTH_SECRET", secret)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .with_context(|| format!("start {}", python.display()))?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let last = stdout.lines().last().unwrap_or_default();
    ensure!(
        output.status.success() && last.starts_with("ok "),
        "{script} {args:?}: {}\n{}\n{}",
        output.status,
        tail(&stdout),
        tail(&String::from_utf8_lossy(&output.stderr))
    );
    Ok(last.to_string())
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
