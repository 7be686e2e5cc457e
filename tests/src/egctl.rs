//! `egctl` as an operator runs it.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::binaries;

/// Variables with these beginnings configure our programs, or those that they call.
const PREFIXES: [&str; 4] = ["AWS_", "EGCTL_", "EPISTEMIC_GRAPH_", "GRAPH_"];
const VARIABLES: [&str; 2] = ["KG_DEFAULT_GRAPH", "RUST_LOG"];

/// `egctl` with the variables that it is given and no other configuration: those of whoever runs the tests mean nothing.
#[derive(Debug, Clone, Default)]
pub struct Egctl {
    env: Vec<(OsString, OsString)>,
}

impl Egctl {
    /// Without a secret, as for directories.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the secret of a server.
    pub fn with_secret(secret: &str) -> Self {
        Self::new().env("GRAPH_SERVICE_AUTH_SECRET", secret)
    }

    /// With one variable more.
    pub fn env(self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs([(name, value)])
    }

    /// With more variables.
    pub fn envs<N: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let owned = |(name, value): (N, V)| (name.as_ref().to_owned(), value.as_ref().to_owned());
        self.env.extend(variables.into_iter().map(owned));
        self
    }

    /// The command, to be changed or started by the caller.
    pub fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Command> {
        let mut command = Command::new(binaries::egctl()?);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if VARIABLES.contains(&&*text) || PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
                command.env_remove(&name);
            }
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value))).args(args);
        Ok(command)
    }

    /// Runs it, whatever its exit code.
    pub fn run(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Output> {
        Ok(self.command(args)?.output()?)
    }

    /// Runs it; it must end with `code`. What it wrote to standard output and to standard error.
    pub fn ends(
        &self,
        code: i32,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<(String, String)> {
        let mut command = self.command(args)?;
        let Output { status, stdout, stderr } = command.output()?;
        let [out, error] = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let args: Vec<_> = command.get_args().collect();
        ensure!(status.code() == Some(code), "egctl {args:?}: {status}, not {code}:\n{out}{error}");
        Ok((out, error))
    }

    /// Runs it with `--json`; it must end with `code`. Its answer, and what it wrote to standard error.
    fn answer(&self, code: i32, args: &[&str]) -> Result<(Value, String)> {
        let (out, error) = self.ends(code, args.iter().chain(&["--json"]))?;
        let answer = serde_json::from_str(&out)
            .with_context(|| format!("egctl {args:?} printed no JSON:\n{out}{error}"))?;
        Ok((answer, error))
    }

    /// Runs it with `--json`; it must succeed and say nothing besides.
    pub fn json(&self, args: &[&str]) -> Result<Value> {
        let (answer, error) = self.answer(0, args)?;
        ensure!(error.is_empty(), "egctl {args:?} wrote to standard error: {error}");
        Ok(answer)
    }

    /// Runs it with `--json`; it must end with `code` and may say more on standard error.
    pub fn report(&self, code: i32, args: &[&str]) -> Result<Value> {
        Ok(self.answer(code, args)?.0)
    }

    /// Runs it; it must fail with `code` and say why. What it wrote to standard error.
    ///
    /// # Panics
    /// It cannot be run, ends in another way, or says nothing.
    #[track_caller]
    pub fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args).expect("egctl starts");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {error}");
        assert!(!error.is_empty() && !error.contains("panicked"), "{args:?}: {error}");
        error
    }

    /// Runs `egctl verify` on a stopped directory, which must be sound.
    pub fn verify(&self, dir: &Path) -> Result<()> {
        self.ends(0, [OsStr::new("verify"), OsStr::new("--dir"), dir.as_os_str()]).map(drop)
    }
}
