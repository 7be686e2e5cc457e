//! What an operator does with a shard on an object store while it serves: reading it aside, restore points, clones, metrics.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use epistemic_tests::s3::S3Server;
use epistemic_tests::seaweed::SeaweedCluster;
use epistemic_tests::{Egctl, ServerBuilder, ServerProcess, http, wait};
use serde_json::Value;

use super::shard::{directory, on, status};

const LIMIT: Duration = Duration::from_secs(120);
const NODES: usize = 300;

/// A place for stores, and the variables by which programs find it.
struct Bucket {
    base: String,
    env: Vec<(String, String)>,
    _held: Box<dyn std::any::Any>,
}

impl Bucket {
    fn in_a_directory() -> Result<Self> {
        let (folder, url) = directory()?;
        Ok(Self { base: url, env: Vec::new(), _held: Box::new(folder) })
    }

    fn on_moto() -> Result<Self> {
        let s3 = S3Server::start()?;
        let (base, env) = (format!("s3://{}/tier", S3Server::BUCKET), S3Server::env(s3.addr()));
        Ok(Self { base, env, _held: Box::new(s3) })
    }

    fn on_seaweedfs() -> Result<Self> {
        let cluster = SeaweedCluster::start()?;
        let (base, env) = (cluster.url("tier"), S3Server::env(cluster.addr()));
        Ok(Self { base, env, _held: Box::new(cluster) })
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{name}", self.base)
    }

    fn server(&self, url: &str) -> ServerBuilder {
        on(ServerProcess::ours(), url).envs(self.env.clone())
    }

    fn egctl(&self) -> Egctl {
        Egctl::with_secret("test-secret").envs(self.env.clone())
    }
}

fn fill(server: &ServerProcess, graph: &str) -> Result<()> {
    let mut client = server.client()?;
    client.create_graph(graph)?;
    for number in 0..NODES {
        client.add_node(graph, &format!("n{number}"), b"\x80")?;
    }
    Ok(client.add_edge(graph, "n0", "n1", b"\x80")?)
}

/// Runs `work` while a client writes, which is never refused; returns how many writes were acknowledged.
fn while_written<T>(
    server: &ServerProcess,
    graph: &str,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, usize)> {
    server.client()?.create_graph(graph)?;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| -> Result<usize> {
            let mut client = server.client()?;
            let mut written = 0;
            while !over.load(Ordering::Relaxed) {
                client.add_node(graph, &format!("w{written}"), b"\x80")?;
                written += 1;
            }
            Ok(written)
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        let written = writer.join().map_err(|_| anyhow!("the writer panicked"))??;
        Ok((done?, written))
    })
}

fn endpoint(server: &ServerProcess) -> String {
    format!("unix://{}", server.socket().display())
}

fn digest_of(egctl: &Egctl, place: &[&str]) -> Result<String> {
    let digests = egctl.json(&[&["digest", "g"][..], place].concat())?;
    Ok(digests["graphs"][0]["digest"].as_str().context("digest")?.to_owned())
}

fn tools_read_beside_it(bucket: &Bucket) -> Result<()> {
    let url = bucket.url("shard-1");
    let mut server = bucket.server(&url).start()?;
    fill(&server, "g")?;
    let (egctl, endpoint) = (bucket.egctl(), endpoint(&server));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("g.jsonl");
    let read = || -> Result<()> {
        let verified = egctl.report(0, &["verify", "--store", &url])?;
        ensure!(verified["checksums"] == "intact", "{verified}");
        let graphs = egctl.json(&["graphs", "--store", &url])?;
        let rows = graphs["graphs"].as_array().context("graphs")?;
        let row = rows.iter().find(|row| row["name"] == "g").context("g")?;
        ensure!(row["nodes"] == NODES && row["place"] == url.as_str(), "{row}");
        let aside = digest_of(&egctl, &["--store", &url])?;
        ensure!(aside == digest_of(&egctl, &["--endpoint", &endpoint])?);
        let (stored, served) = (format!("store:{url}#g"), format!("{endpoint}#g"));
        ensure!(egctl.report(0, &["diff", &stored, &served])?["equal"] == true);
        let to = file.to_str().context("path")?;
        let exported = egctl.report(0, &["export", "-g", "g", "--store", &url, "-o", to])?;
        ensure!(exported["nodes"] == NODES && exported["edges"] == 1, "{exported}");
        egctl.ends(0, ["get", "n0", "-g", "g", "--store", &url])?;
        Ok(())
    };
    let ((), written) = while_written(&server, "busy", read)?;
    ensure!(written > 0, "the owner acknowledged nothing meanwhile");
    ensure!(server.has_exited()?.is_none() && server.client()?.add_node("g", "more", b"\x80").is_ok());
    let error = egctl.fails(4, &["verify", "--store", &bucket.url("none")]);
    ensure!(error.contains("holds no store") || error.contains("there is no directory"), "{error}");
    // What a crash left in the log alone is read too.
    server.kill9()?;
    let graphs = egctl.json(&["graphs", "--store", &url])?;
    let rows = graphs["graphs"].as_array().context("graphs")?;
    let busy = rows.iter().find(|row| row["name"] == "busy").context("busy")?;
    ensure!(busy["nodes"] == written, "{busy}, {written} acknowledged");
    Ok(())
}

#[test]
fn the_tools_read_beside_the_server_in_a_directory() -> Result<()> {
    tools_read_beside_it(&Bucket::in_a_directory()?)
}

#[test]
fn the_tools_read_beside_the_server_on_seaweedfs() -> Result<()> {
    tools_read_beside_it(&Bucket::on_seaweedfs()?)
}

#[test]
fn the_tools_read_beside_the_server_on_moto() -> Result<()> {
    tools_read_beside_it(&Bucket::on_moto()?)
}

fn listed(egctl: &Egctl, url: &str) -> Result<Vec<Value>> {
    let listed = egctl.json(&["checkpoint", "list", "--store", url])?;
    Ok(listed["checkpoints"].as_array().context("checkpoints")?.clone())
}

/// A drill: the shard as it was, served from another prefix, while it goes on.
fn clones_are_served(bucket: &Bucket) -> Result<()> {
    let (url, drill) = (bucket.url("shard-1"), bucket.url("drill"));
    let server = bucket.server(&url).arg("--checkpoint-interval").arg("0").start()?;
    fill(&server, "g")?;
    let (egctl, endpoint) = (bucket.egctl(), endpoint(&server));
    let store = status(&server, "store_id")?;
    let create = || egctl.report(0, &["checkpoint", "create", "--endpoint", &endpoint]);
    create()?;
    create()?;
    let points = listed(&egctl, &url)?;
    ensure!(points.len() == 1, "nothing had changed: {points:?}");
    ensure!(points[0]["store_id"] == store.as_str() && points[0]["bytes"].as_u64() > Some(0), "{points:?}");
    let point = points[0]["path"].as_str().context("path")?.to_owned();
    let before = digest_of(&egctl, &["--endpoint", &endpoint])?;
    server.client()?.add_node("g", "behind", b"\x80")?;
    ensure!(digest_of(&egctl, &["--store", &point])? == before);

    let restore = || egctl.report(0, &["checkpoint", "restore", &point, &drill]);
    let (cloned, written) = while_written(&server, "busy", restore)?;
    ensure!(written > 0 && cloned["store"] == drill.as_str(), "{cloned}");
    let error = egctl.fails(4, &["checkpoint", "restore", &point, &drill]);
    ensure!(error.contains("it holds the store"), "{error}");
    let mut clone = bucket.server(&drill).start()?;
    ensure!(status(&clone, "store_id")? == cloned["store_id"].as_str().context("store_id")?);
    ensure!(status(&clone, "store_id")? != store);
    ensure!(clone.output().contains("this store was restored"), "{}", clone.output());
    ensure!(digest_of(&egctl, &["--endpoint", &format!("unix://{}", clone.socket().display())])? == before);
    clone.client()?.add_node("g", "drilled", b"\x80")?;
    ensure!(server.client()?.node_properties("g", "drilled")?.is_none());
    ensure!(server.client()?.node_properties("g", "behind")?.is_some());

    egctl.ends(0, ["checkpoint", "delete", &point])?;
    ensure!(listed(&egctl, &url)?.is_empty());
    ensure!(clone.terminate()?.success(), "{}", clone.output());
    egctl.report(0, &["verify", "--store", &drill])?;
    egctl.ends(0, ["checkpoint", "discard", &drill, "--yes"])?;
    let error = egctl.fails(4, &["checkpoint", "discard", &url, "--yes"]);
    ensure!(error.contains("it is no clone"), "{error}");
    server.client()?.add_node("g", "more", b"\x80")?;
    Ok(())
}

#[test]
fn a_clone_of_a_restore_point_is_served_in_a_directory() -> Result<()> {
    clones_are_served(&Bucket::in_a_directory()?)
}

#[test]
fn a_clone_of_a_restore_point_is_served_on_moto() -> Result<()> {
    clones_are_served(&Bucket::on_moto()?)
}

#[test]
fn a_clone_of_a_restore_point_is_served_on_seaweedfs() -> Result<()> {
    clones_are_served(&Bucket::on_seaweedfs()?)
}

/// They are made at the interval while there are changes, few of them stay, and a restart knows them.
#[test]
fn restore_points_are_made_at_the_interval_and_thinned_out() -> Result<()> {
    let bucket = Bucket::in_a_directory()?;
    let url = bucket.url("shard-1");
    let server = bucket.server(&url).arg("--checkpoint-interval").arg("1").start()?;
    let (egctl, mut seen) = (bucket.egctl(), std::collections::BTreeSet::new());
    let points = || {
        while_written(&server, "g", || {
            let made = wait::poll(LIMIT, Duration::from_millis(200), || {
                let points = listed(&egctl, &url)?;
                ensure!(points.len() <= 5, "{points:?}");
                seen.extend(points.iter().map(|point| point["name"].to_string()));
                Ok((seen.len() >= 6).then_some(()))
            })?;
            made.context("no six restore points")
        })
    };
    let mut points = points;
    points()?;
    let shown = |server: &ServerProcess| -> Result<Vec<Value>> {
        let status = egctl.json(&["status", "--endpoint", &endpoint(server)])?;
        Ok(status["shards"][0]["status"]["checkpoints"].as_array().context("checkpoints")?.clone())
    };
    ensure!(!shown(&server)?.is_empty());
    let server = server.restart()?;
    ensure!(!shown(&server)?.is_empty(), "a restart has forgotten them");
    Ok(())
}

/// What the bill is made of.
#[test]
fn requests_to_the_object_store_are_on_the_metrics_page() -> Result<()> {
    let bucket = Bucket::on_moto()?;
    let server = bucket.server(&bucket.url("shard-1")).metrics().start()?;
    let read = |line: &str| -> Result<f64> {
        let page = http::get(server.metrics_addr(), "/metrics")?.body;
        let found = page.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok());
        found.with_context(|| format!("no {line} in {page}"))
    };
    let puts = r#"epistemic_graph_object_store_requests_total{kind="put"}"#;
    let before = read(puts)?;
    fill(&server, "g")?;
    ensure!(read(puts)? >= before + NODES as f64, "a commit is a PUT: {before}, {}", read(puts)?);
    ensure!(read(r#"epistemic_graph_object_store_bytes_total{kind="put"}"#)? > 0.0);
    ensure!(read(r#"epistemic_graph_object_store_errors_total{kind="put"}"#)? == 0.0);
    read("epistemic_graph_store_log_objects")?;
    Ok(())
}
