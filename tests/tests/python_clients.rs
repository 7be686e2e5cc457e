//! The real Python clients from 0.28.0 to 2.27.7 against our server.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::binaries::{CLIENT_VERSIONS, SIGNING_CLIENT};
use epistemic_tests::{ServerProcess, python, shared};

const STOP_LIMIT: Duration = Duration::from_secs(30);

fn scripts() -> Result<PathBuf> {
    Ok(shared::package()?.join("python"))
}

/// `client_ops.py` with all its checks.
fn client_ops(version: &str, endpoint: &str, secret: &str, more: &[&str]) -> Result<()> {
    let args = [&[endpoint, secret, "--strict"], more].concat();
    run(version, "client_ops.py", &args)
}

/// Runs a script of `tests/python` under a client version; it must end with `ok N checks`.
fn run(version: &str, script: &str, args: &[&str]) -> Result<()> {
    let folder = scripts()?;
    let source = fs_err::read_to_string(folder.join(script))?;
    let path = folder.to_str().context("path of the scripts")?;
    let env = [("PYTHONPATH", path), ("PYTHONDONTWRITEBYTECODE", "1")];
    let output = python::run_with_env(version, &source, args, &env)?;
    let (stdout, stderr) = (&output.stdout, &output.stderr);
    ensure!(
        output.code == Some(0) && stdout.starts_with("ok ") && stdout.trim_end().ends_with(" checks"),
        "{script} {args:?} with client {version}: exit {:?}\n{stdout}\n{stderr}",
        output.code
    );
    Ok(())
}

fn endpoints(server: &ServerProcess) -> [String; 2] {
    [format!("unix://{}", server.socket().display()), format!("tcp://{}", server.tcp_addr())]
}

fn every_client_on(server: &ServerProcess) -> Result<()> {
    for endpoint in endpoints(server) {
        for version in CLIENT_VERSIONS {
            client_ops(version, &endpoint, server.secret(), &[])?;
        }
    }
    Ok(())
}

#[test]
fn every_operation_on_memory() -> Result<()> {
    every_client_on(&ServerProcess::ours().in_memory().tcp().start()?)
}

#[test]
fn every_operation_on_a_persist_dir_and_again_after_a_restart() -> Result<()> {
    let mut server = ServerProcess::ours().tcp().start()?;
    every_client_on(&server)?;
    ensure!(server.terminate()?.code() == Some(0), "{}", server.output());
    let server = server.restart()?;
    every_client_on(&server)
}

/// Clients from 2.27 on, over both transports, in memory and on a directory.
#[test]
fn the_client_that_signs_its_requests() -> Result<()> {
    for server in [ServerProcess::ours(), ServerProcess::ours().in_memory()] {
        let server = server.tcp().start()?;
        for endpoint in endpoints(&server) {
            run(SIGNING_CLIENT, "signed_ops.py", &[&endpoint, server.secret()])?;
        }
    }
    Ok(())
}

/// `docs/methods.md` says what these clients call and what of it is served.
#[test]
fn the_table_of_methods_is_up_to_date() -> Result<()> {
    let script = shared::package()?.parent().context("the repository")?.join("scripts/methods");
    let output = std::process::Command::new("python3").arg(script).arg("--check").output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

const WRITE: &str = "
import sys
from epistemic_graph import SyncEpistemicGraphClient as Client
from support import address
endpoint, secret, graph = sys.argv[1:]
with Client.connect(**address(endpoint), auth_secret=secret, graph_name=graph) as client:
    client.tenants.create(graph)
    client.nodes.add('a', {'by': graph})
    client.nodes.add('b', {})
    client.edges.add('a', 'b', {'type': 'knows'})
print('ok 1 checks')
";

const READ: &str = "
import sys
from epistemic_graph import SyncEpistemicGraphClient as Client
from support import address
endpoint, secret, graph = sys.argv[1:]
with Client.connect(**address(endpoint), auth_secret=secret, graph_name=graph) as client:
    assert client.nodes.properties('a') == {'by': graph}, client.nodes.properties('a')
    assert client.nodes.neighbors('a') == ['b']
    assert sorted(client.nodes.ids()) == ['a', 'b']
print('ok 3 checks')
";

/// What one version wrote before a kill, every version reads after it.
#[test]
fn what_one_version_wrote_another_reads_after_a_kill() -> Result<()> {
    let server = ServerProcess::ours().tcp().start()?;
    let inline = |server: &ServerProcess, version: &str, source: &str, graph: &str| -> Result<()> {
        let path = scripts()?;
        let env =
            [("PYTHONPATH", path.to_str().context("path of the scripts")?), ("PYTHONDONTWRITEBYTECODE", "1")];
        let [unix, _] = endpoints(server);
        let output = python::run_with_env(version, source, &[&unix, server.secret(), graph], &env)?;
        ensure!(output.code == Some(0), "client {version}, graph {graph}: {}", output.stderr);
        Ok(())
    };
    for writer in CLIENT_VERSIONS {
        inline(&server, writer, WRITE, &format!("by {writer}"))?;
    }
    let server = server.restart()?;
    for writer in CLIENT_VERSIONS {
        for reader in CLIENT_VERSIONS {
            inline(&server, reader, READ, &format!("by {writer}"))?;
        }
    }
    Ok(())
}

#[test]
fn the_pool_and_the_router_over_three_shards() -> Result<()> {
    let shards = [
        ServerProcess::ours().tcp().start()?,
        ServerProcess::ours().tcp().start()?,
        ServerProcess::ours().tcp().start()?,
    ];
    let list: Vec<String> = shards.iter().map(|shard| endpoints(shard)[1].clone()).collect();
    for version in CLIENT_VERSIONS {
        run(version, "pool_router.py", &[&list.join(","), shards[0].secret()])?;
    }
    Ok(())
}

#[test]
fn all_versions_at_once_on_one_server() -> Result<()> {
    let server = ServerProcess::ours().tcp().start()?;
    thread::scope(|scope| {
        let mut running = Vec::new();
        for endpoint in endpoints(&server) {
            for version in CLIENT_VERSIONS {
                let (endpoint, secret) = (endpoint.clone(), server.secret());
                running.push(scope.spawn(move || client_ops(version, &endpoint, secret, &[])));
            }
        }
        running.into_iter().try_for_each(|client| client.join().expect("no panic in a client's thread"))
    })
}

/// Fault 22: `Shutdown` answers and the process goes on.
#[test]
fn the_shutdown_call_of_every_version_stops_the_process() -> Result<()> {
    for version in CLIENT_VERSIONS {
        let mut server = ServerProcess::ours().tcp().start()?;
        let [unix, _] = endpoints(&server);
        client_ops(version, &unix, server.secret(), &["--shutdown"])?;
        let status = server.wait_for_exit(STOP_LIMIT)?;
        ensure!(status.code() == Some(0), "client {version}: {status}\n{}", server.output());
    }
    Ok(())
}
