//! A SeaweedFS cluster: a master, three volume servers that keep each object twice and sync it, a filer and an S3 gateway, from
//! the environment `seaweed` that `scripts/setup` makes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fs_err::{self as fs, File};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::http::get;
use crate::ports::free_loopback_addr;
use crate::{binaries, wait};

const LIMIT: Duration = Duration::from_secs(90);
const VOLUME_SERVERS: usize = 3;
const IDENTITIES: &str = r#"{"identities": [{"name": "test", "credentials": [
    {"accessKey": "test-key", "secretKey": "test-secret-key"}], "actions": ["Admin", "Read", "Write", "List"]}]}"#;

/// A running cluster with one bucket. Dropping it kills its processes and removes its files.
#[derive(Debug)]
pub struct SeaweedCluster {
    // Dropped first: the processes end before their folder goes.
    processes: Vec<Process>,
    program: PathBuf,
    folder: TempDir,
    gateway: SocketAddr,
}

#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It is gone already, or it goes now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Two ports of one server: SeaweedFS writes them `HOST:PORT.GRPC`.
struct Ports {
    port: u16,
    grpc: u16,
}

impl Ports {
    fn free() -> Result<Self> {
        Ok(Self { port: free_loopback_addr()?.port(), grpc: free_loopback_addr()?.port() })
    }

    fn name(&self) -> String {
        format!("127.0.0.1:{}.{}", self.port, self.grpc)
    }

    fn flags(&self) -> [String; 3] {
        ["-ip.bind=127.0.0.1".to_owned(), format!("-port={}", self.port), format!("-port.grpc={}", self.grpc)]
    }
}

impl SeaweedCluster {
    /// The only bucket. What is written to it is synced by the volume servers before it is answered.
    pub const BUCKET: &'static str = "graphs";

    /// Starts one on free loopback ports and waits until it has its bucket.
    pub fn start() -> Result<SeaweedCluster> {
        let (master, filer, gateway) = (Ports::free()?, Ports::free()?, Ports::free()?);
        let mut cluster = SeaweedCluster {
            processes: Vec::new(),
            program: binaries::seaweed()?,
            folder: tempfile::tempdir()?,
            gateway: SocketAddr::from(([127, 0, 0, 1], gateway.port)),
        };
        let dir = |name: &str| -> Result<PathBuf> {
            let dir = cluster.folder.path().join(name);
            fs::create_dir_all(&dir)?;
            Ok(dir)
        };
        let [metadata, names] = [dir("master")?, dir("filer")?];
        let volumes =
            (0..VOLUME_SERVERS).map(|number| dir(&format!("volume-{number}"))).collect::<Result<Vec<_>>>()?;
        let identities = cluster.folder.path().join("identities.json");
        fs::write(&identities, IDENTITIES)?;

        let of_master = format!("-master={}", master.name());
        cluster.run(
            "master",
            &master,
            &[
                "-ip=127.0.0.1".to_owned(),
                flag("-mdir", &metadata),
                "-volumeSizeLimitMB=64".to_owned(),
                "-defaultReplication=001".to_owned(),
                "-peers=none".to_owned(),
                "-telemetry=false".to_owned(),
            ],
        )?;
        for volume in &volumes {
            let more =
                ["-ip=127.0.0.1".to_owned(), flag("-dir", volume), of_master.clone(), "-max=20".to_owned()];
            cluster.run("volume", &Ports::free()?, &more)?;
        }
        let socket = |name: &str| flag("-localSocket", &cluster.folder.path().join(name));
        let [of_filer, of_gateway] = [socket("filer.sock"), socket("s3.sock")];
        cluster.run(
            "filer",
            &filer,
            &[
                "-ip=127.0.0.1".to_owned(),
                of_master.clone(),
                "-defaultReplicaPlacement=001".to_owned(),
                flag("-defaultStoreDir", &names),
                of_filer,
            ],
        )?;
        cluster.run(
            "s3",
            &gateway,
            &[
                format!("-filer={}", filer.name()),
                flag("-config", &identities),
                "-iam=false".to_owned(),
                "-port.iceberg=0".to_owned(),
                "-port.lance=0".to_owned(),
                of_gateway,
            ],
        )?;
        cluster.await_gateway()?;
        let of_shell = [of_master, format!("-filer={}", filer.name())];
        cluster.shell(&of_shell, "fs.configure -locationPrefix=/buckets/graphs -fsync=true -apply")?;
        cluster.shell(&of_shell, "s3.bucket.create -name graphs")?;
        Ok(cluster)
    }

    /// An URL of an empty prefix, for `--store`.
    pub fn url(&self, prefix: &str) -> String {
        format!("s3://{}/{prefix}", Self::BUCKET)
    }

    /// Where its S3 gateway listens; [`crate::s3::S3Server::env`] has the variables for it.
    pub fn addr(&self) -> SocketAddr {
        self.gateway
    }

    /// Stops the S3 gateway where it is, as if its machine hung: it takes connections and answers nothing.
    pub fn freeze_gateway(&self) -> Result<()> {
        self.signal_gateway(Signal::STOP)
    }

    /// Lets it go on.
    pub fn thaw_gateway(&self) -> Result<()> {
        self.signal_gateway(Signal::CONT)
    }

    fn signal_gateway(&self, signal: Signal) -> Result<()> {
        // The last one that was started.
        let gateway = self.processes.last().and_then(|process| Pid::from_raw(process.0.id() as i32));
        Ok(kill_process(gateway.context("no gateway")?, signal)?)
    }

    fn run(&mut self, service: &str, ports: &Ports, more: &[String]) -> Result<()> {
        let name = format!("{service}-{}.log", self.processes.len());
        let log = File::create(self.folder.path().join(&name))?;
        let child = Command::new(&self.program)
            .arg(flag("-logdir", self.folder.path()))
            .arg(service)
            .args(ports.flags())
            .args(more)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.file().try_clone()?)
            .stderr(log.into_file())
            .spawn()?;
        self.processes.push(Process(child));
        Ok(())
    }

    fn await_gateway(&mut self) -> Result<()> {
        let (gateway, processes) = (self.gateway, &mut self.processes);
        let ready = wait::poll(LIMIT, Duration::from_millis(100), || {
            for process in processes.iter_mut() {
                ensure!(process.0.try_wait()?.is_none(), "a server of the cluster exited");
            }
            Ok(get(gateway, "/").ok())
        });
        let answers = ready.and_then(|ready| ready.context("the S3 gateway does not answer"));
        answers.map(drop).with_context(|| self.last_lines())
    }

    /// The end of the log of each process.
    fn last_lines(&self) -> String {
        const LINES: usize = 15;
        let mut told = String::from("the cluster's logs end with:");
        for path in fs::read_dir(self.folder.path()).into_iter().flatten().flatten().map(|entry| entry.path())
        {
            if path.extension().is_some_and(|name| name == "log")
                && let Ok(log) = fs::read(&path)
            {
                let log = String::from_utf8_lossy(&log);
                let lines: Vec<_> = log.lines().collect();
                told += &format!("\n{}:", path.display());
                lines[lines.len().saturating_sub(LINES)..]
                    .iter()
                    .for_each(|line| told += &format!("\n  {line}"));
            }
        }
        told
    }

    /// Runs one command of `weed shell`, again until the cluster is complete.
    fn shell(&self, flags: &[String], command: &str) -> Result<()> {
        let done = wait::poll(LIMIT, Duration::from_millis(500), || {
            let mut shell = Command::new(&self.program)
                .arg("shell")
                .args(flags)
                .current_dir(self.folder.path())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()?;
            if let Some(mut stdin) = shell.stdin.take() {
                use std::io::Write;
                writeln!(stdin, "{command}")?;
            }
            let output = shell.wait_with_output()?;
            let text = String::from_utf8_lossy(&output.stdout).to_lowercase();
            anyhow::Ok((output.status.success() && !text.contains("error")).then_some(()))
        })?;
        done.with_context(|| format!("'{command}' did not succeed: {}", self.last_lines()))
    }
}

fn flag(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}
