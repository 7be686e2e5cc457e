//! A new secret for a key under load: no call fails, neither of published clients nor of ours.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::{Client, Egctl, ServerProcess, binaries, http, shared};

use crate::{client, create, server};

const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);
const GRAPH: &str = "tenant__acme__g";
const OLD: &str = "the-old-secret-of-acme";

const KEYS: &str = r#"
[[key]]
id = "acme"
role = "owner"
graphs = ["tenant__acme__*"]
secrets = [{ text = "the-old-secret-of-acme" }]

[[key]]
id = "ops"
role = "operator"
secrets = [{ text = "secret-of-ops-!!" }]
"#;

/// Works until a file says stop; connects anew when its secret is another one. Any failure ends it.
const WORKER: &str = "
import os, sys, time
from epistemic_graph import SyncEpistemicGraphClient as Client
from support import address
endpoint, folder, name, graph = sys.argv[1:]
def secret():
    with open(f'{folder}/{name}.secret') as file:
        return file.read().strip()
client, used, calls = None, None, 0
while not os.path.exists(f'{folder}/stop'):
    if secret() != used:
        if client is not None:
            client.close()
        used = secret()
        client = Client.connect(**address(endpoint), auth_secret=used, graph_name=graph, agent_id='acme')
        open(f'{folder}/{name}.connected', 'w').write(used)
    node = f'{name}:{calls}'
    client.nodes.add(node, {'n': calls})
    assert client.nodes.has(node)
    calls += 2
print(f'ok {calls} checks')
";

fn worker(version: &str, server: &ServerProcess, folder: &Path) -> Result<Child> {
    let endpoint = format!("unix://{}", server.socket().display());
    let mut command = Command::new(binaries::reference_python(version)?);
    command.args(["-c", WORKER, &endpoint]).arg(folder).args([version, GRAPH]);
    command.env("PYTHONPATH", shared::package()?.join("python")).env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?)
}

fn egctl(server: &ServerProcess, folder: &Path, args: &[&str]) -> Result<(Option<i32>, String)> {
    let mut command = Egctl::with_secret("secret-of-ops-!!").command(["keys"])?;
    command.args(args).arg("--keys-file").arg(folder.join("keys.toml"));
    command.args(["--endpoint", &format!("unix://{}", server.socket().display()), "--agent-id", "ops"]);
    let output = command.output()?;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Ok((output.status.code(), text))
}

/// Requests with one of the secrets of the key.
fn used(server: &ServerProcess, which: &str) -> Result<f64> {
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    let series =
        format!("epistemic_graph_auth_requests_total{{key=\"acme\",secret=\"{which}\",version=\"1\"}}");
    Ok(http::series(&page, &series).unwrap_or(0.0))
}

#[test]
fn no_call_fails_while_a_secret_is_replaced() -> Result<()> {
    const VERSIONS: [&str; 3] = ["0.28.0", "0.31.0", "2.0.0"];
    let folder = tempfile::tempdir()?;
    let dir = folder.path();
    let server = server(dir, KEYS)?.metrics().start()?;
    let mut first = Client::connect(&server.unix_endpoint(), OLD)?.acting_as("acme");
    create(&mut first, GRAPH)?;
    for version in VERSIONS {
        fs_err::write(dir.join(format!("{version}.secret")), OLD)?;
    }
    let mut workers = Vec::new();
    for version in VERSIONS {
        workers.push((version, worker(version, &server, dir)?));
    }
    let connected = |secret: &str| {
        let all = || {
            let has = |version: &&str| {
                let file = dir.join(format!("{version}.connected"));
                fs_err::read_to_string(file).is_ok_and(|text| text == secret)
            };
            Ok::<_, anyhow::Error>(VERSIONS.iter().all(has).then_some(()))
        };
        poll(SOON, LOOK, all)
    };
    let stop = AtomicBool::new(false);
    let ours = thread::scope(|scope| -> Result<u64> {
        // Ours keeps one connection all the time; its secret is the old one until the new one is there.
        let new = dir.join("new.secret");
        let (server_ref, stop_ref) = (&server, &stop);
        let running = scope.spawn(move || -> Result<u64> {
            let mut client = Client::connect(&server_ref.unix_endpoint(), OLD)?.acting_as("acme");
            let (mut calls, mut is_new) = (0, false);
            while !stop_ref.load(Ordering::Relaxed) {
                if !is_new && let Ok(secret) = fs_err::read_to_string(&new) {
                    client =
                        Client::connect(&server_ref.unix_endpoint(), secret.trim_end())?.acting_as("acme");
                    // The file of keys is written after this one.
                    is_new = client.call("", "Ping", None).is_ok();
                    if !is_new {
                        client = Client::connect(&server_ref.unix_endpoint(), OLD)?.acting_as("acme");
                    }
                }
                client.call(GRAPH, "NodeCount", None)?;
                calls += 1;
            }
            Ok(calls)
        });
        let drill = || -> Result<()> {
            connected(OLD)?.context("the clients do not start")?;
            let out = dir.join("new.secret");
            let out = out.to_str().context("a path")?;
            let (code, text) = egctl(&server, dir, &["rotate", "acme", "--secret-out", out])?;
            ensure!(code == Some(0) && text.contains("--finish"), "{code:?} {text}");
            poll(SOON, LOOK, || Ok::<_, anyhow::Error>((used(&server, "previous")? > 0.0).then_some(())))?
                .context("the server does not have both secrets")?;
            let (code, text) = egctl(&server, dir, &["rotate", "acme", "--finish"])?;
            ensure!(code == Some(1) && text.contains("saw the old secret"), "{code:?} {text}");
            let new = fs_err::read_to_string(out)?;
            for version in VERSIONS {
                let (next, file) = (dir.join("next"), dir.join(format!("{version}.secret")));
                fs_err::write(&next, new.trim_end())?;
                fs_err::rename(next, file)?;
            }
            connected(new.trim_end())?.context("the clients do not change")?;
            let finish = || {
                let (code, text) = egctl(&server, dir, &["rotate", "acme", "--finish", "--unused-for", "1"])?;
                ensure!(
                    code == Some(0) || text.contains("the old secret") || text.contains("both secrets"),
                    "{code:?} {text}"
                );
                Ok::<_, anyhow::Error>((code == Some(0)).then_some(()))
            };
            poll(SOON, Duration::from_millis(300), finish)?.context("the old secret is used for ever")?;
            let gone = || {
                let mut old = Client::connect(&server.unix_endpoint(), OLD)?.acting_as("acme");
                Ok::<_, anyhow::Error>(old.call("", "Ping", None).is_err().then_some(()))
            };
            poll(SOON, LOOK, gone)?.context("the old secret counts for ever")?;
            let before = used(&server, "current")?;
            poll(SOON, LOOK, || {
                Ok::<_, anyhow::Error>((used(&server, "current")? > before + 100.0).then_some(()))
            })?
            .context("the clients do not go on")
        };
        let drilled = drill();
        stop.store(true, Ordering::Relaxed);
        fs_err::write(dir.join("stop"), "")?;
        let calls = running.join().expect("no panic")?;
        drilled?;
        Ok(calls)
    })?;
    for (version, worker) in workers {
        let output = worker.wait_with_output()?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success() && stdout.starts_with("ok "),
            "{version}: {stdout}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        println!("client {version}: {}", stdout.trim_end());
    }
    println!("ours: {ours} calls, 0 failed");
    ensure!(client(&server, "ops")?.call("", "ShardStatus", None).is_ok());
    Ok(())
}
