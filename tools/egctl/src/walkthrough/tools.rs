//! Programs that the walkthrough runs: the Python client and `egctl` itself.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_router::{ENDPOINTS_VAR, EndpointList, SECRET_VAR};

use super::args::WalkthroughArgs;
use super::cluster::Cluster;
use super::narrator::Narrator;
use super::process::Process;

const LIMIT: Duration = Duration::from_secs(300);

/// The published Python client and its script.
pub(super) struct Python {
    interpreter: PathBuf,
    script: PathBuf,
}

impl Python {
    /// What the command line asks for.
    pub(super) fn from_args(args: &WalkthroughArgs) -> Result<Option<Self>> {
        let Some(interpreter) = args.python.clone() else {
            return Ok(None);
        };
        let script = args.script.clone().unwrap_or_else(default_script);
        ensure!(script.is_file(), "{} is missing; name it with --script", script.display());
        Ok(Some(Self { interpreter, script }))
    }

    /// Runs the script over `endpoints` with further arguments, shows its output and checks that it succeeds.
    pub(super) async fn run(
        &self,
        narrator: &mut Narrator,
        cluster: &Cluster,
        endpoints: &EndpointList,
        arguments: &[&str],
        claim: &str,
    ) -> Result<()> {
        let script = self.script.file_name().unwrap_or_default().to_string_lossy();
        narrator.say(format!("$ python {script} $GRAPH_SERVICE_ENDPOINTS {}", arguments.join(" ")))?;
        let mut command = Command::new(&self.interpreter);
        command
            .arg(&self.script)
            .arg(endpoints.to_string())
            .args(arguments)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env(SECRET_VAR, &cluster.secret);
        let (done, output) = finish(command, "the Python client", cluster.home()).await?;
        narrator.show(output)?;
        narrator.check(format!("Python client: {claim}"), done)
    }
}

/// Runs this program with `arguments` over `endpoints`, shows its output and checks that it succeeds.
pub(super) async fn egctl(
    narrator: &mut Narrator,
    cluster: &Cluster,
    endpoints: &EndpointList,
    arguments: &[&str],
) -> Result<()> {
    let line = format!("egctl {}", arguments.join(" "));
    narrator.say(format!("$ {line}"))?;
    let mut command = Command::new(std::env::current_exe().context("the path of this program")?);
    command
        .args(arguments)
        .current_dir(cluster.home())
        .env(ENDPOINTS_VAR, endpoints.to_string())
        .env(SECRET_VAR, &cluster.secret);
    let (done, output) = finish(command, &line, cluster.home()).await?;
    narrator.show(output)?;
    if done { Ok(()) } else { narrator.check(format!("{line} succeeds"), false) }
}

/// Waits for a program; returns whether it succeeded and what it wrote.
async fn finish(command: Command, name: &str, home: &Path) -> Result<(bool, String)> {
    let log = home.join("tool.log");
    if log.exists() {
        fs_err::remove_file(&log)?;
    }
    let mut process = Process::spawn(command, name, &log)?;
    let status = process.exit(LIMIT).await?;
    Ok((status.success(), process.output()?))
}

/// In this repository: below EG_ROOT, which the scripts set, else where this program was built.
fn default_script() -> PathBuf {
    let root = std::env::var_os("EG_ROOT")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), PathBuf::from);
    root.join("tests/python/walkthrough.py")
}
