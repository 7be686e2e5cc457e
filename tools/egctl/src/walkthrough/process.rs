//! A child process that never outlives its owner.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use epistemic_router::AFFINITY_VAR;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

const POLL: Duration = Duration::from_millis(10);

/// A running child. Dropping it kills it and waits until it is gone.
pub(super) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
    exited: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` with its output appended to `log`. It gets a process group of its own, so that Ctrl-C
    /// reaches only us and we stop it in order, and it knows no groups of graphs: they are placed as published.
    pub(super) fn spawn(mut command: Command, name: &str, log: &Path) -> Result<Self> {
        let output = fs_err::OpenOptions::new().create(true).append(true).open(log)?.into_file();
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        command.env_remove(AFFINITY_VAR);
        let child = command.spawn().with_context(|| {
            let program = Path::new(command.get_program());
            format!("cannot start {}", program.display())
        })?;
        Ok(Self { child, name: name.to_owned(), log: log.to_owned(), exited: None })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop (SIGTERM). Does not wait.
    pub(super) fn terminate(&mut self) -> Result<()> {
        if self.has_exited()?.is_none() {
            kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        }
        Ok(())
    }

    /// Kills it (SIGKILL) and waits until it is gone.
    pub(super) fn kill(&mut self) -> Result<()> {
        if self.exited.is_none() {
            self.child.kill()?;
            self.exited = Some(self.child.wait()?);
        }
        Ok(())
    }

    /// The exit status if it has ended.
    pub(super) fn has_exited(&mut self) -> Result<Option<ExitStatus>> {
        if self.exited.is_none() {
            self.exited = self.child.try_wait()?;
        }
        Ok(self.exited)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it still runs after `limit`; it is left running.
    pub(super) async fn exit(&mut self, limit: Duration) -> Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.has_exited()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("{} (pid {}) still runs after {limit:?}", self.name, self.pid());
            }
            sleep(POLL).await;
        }
    }

    /// All it has written so far, earlier processes with the same log included.
    pub(super) fn output(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs_err::read(&self.log)?).into_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It can only fail for a process that is gone already.
        let _ = self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn output_status_and_an_end_on_drop() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo hello; exit 3"]);
        let mut process = Process::spawn(command, "sh", &log).unwrap();
        assert_eq!(process.exit(Duration::from_secs(60)).await.unwrap().code(), Some(3));
        assert_eq!(process.output().unwrap(), "hello\n");

        let mut command = Command::new("sleep");
        command.arg("1000");
        let mut process = Process::spawn(command, "sleep", &log).unwrap();
        assert!(process.exit(Duration::ZERO).await.is_err());
        let pid = Pid::from_child(&process.child);
        drop(process);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}
