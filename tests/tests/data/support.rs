//! The support bundle: what is in it, and what is not.

use std::process::Command;

use anyhow::{Result, ensure};
use epistemic_tests::ServerProcess;
use serde_json::Value;
use tempfile::TempDir;

use super::{SECRET, endpoint, fill, json, text};

fn unpacked(args: &[&str], home: &TempDir) -> Result<(Value, Vec<(String, String)>)> {
    let file = home.path().join("bundle.tar.gz");
    let told = json(&[&["support-bundle", "-o", text(&file)], args].concat())?;
    let folder = home.path().join("unpacked");
    fs_err::create_dir_all(&folder)?;
    ensure!(
        Command::new("tar").args(["-xzf", text(&file), "-C", text(&folder)]).status()?.success(),
        "tar reads it"
    );
    let mut files = Vec::new();
    for entry in told["entries"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        files.push((entry.to_owned(), fs_err::read_to_string(folder.join("egctl-support").join(entry))?));
    }
    fs_err::remove_dir_all(&folder)?;
    Ok((told, files))
}

#[test]
fn it_has_no_secret_no_data_and_no_names() -> Result<()> {
    let server = ServerProcess::ours().metrics().start()?;
    fill(&server)?;
    let home = TempDir::new()?;
    let log = home.path().join("server.log");
    fs_err::write(&log, format!("started with {SECRET}\nready\n"))?;
    let metrics = format!("http://{}/metrics", server.metrics_addr());
    let down = "tcp://127.0.0.1:9";
    let list = format!("{},{down}", endpoint(&server));
    let args = [
        "--endpoints",
        &list,
        "--metrics",
        &metrics,
        "--metrics",
        "http://127.0.0.1:9/metrics",
        "--log",
        text(&log),
    ];
    let (told, files) = unpacked(&args, &home)?;
    let file = |name: &str| {
        files.iter().find(|(entry, _)| entry == name).map_or("", |(_, content)| content.as_str())
    };
    let all: String = files.iter().map(|(_, content)| content.as_str()).collect();
    for private in [SECRET, "tenant a/b", "Grete"] {
        ensure!(!all.contains(private), "{private} is in it");
    }
    ensure!(
        file("about.json").contains("\"egctl\"") && file("about.json").contains("GRAPH_SERVICE_AUTH_SECRET"),
        "{told}"
    );
    ensure!(
        file("shard-1/status.json").contains("\"version\"")
            && file("shard-1/graphs.json").contains("\"nodes\": 4"),
        "{told}"
    );
    ensure!(
        file("shard-2/status.json").contains("error") && file("metrics-1.txt").contains("epistemic_graph_"),
        "{told}"
    );
    ensure!(file("log-1.txt") == "started with (the secret)\nready\n", "{}", file("log-1.txt"));
    // Three questions to the shard that is down, and a page of metrics.
    ensure!(told["missing"].as_array().is_some_and(|missing| missing.len() == 4), "{told}");

    let (_, files) = unpacked(&[&args[..2], &["--names"]].concat(), &home)?;
    ensure!(files.iter().any(|(_, content)| content.contains("tenant a/b")), "names when asked for");
    Ok(())
}
