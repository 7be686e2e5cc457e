//! Scripts run under the interpreter of a reference version, with its real client importable.

use std::process::Command;

use anyhow::{Context, Result, ensure};

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
