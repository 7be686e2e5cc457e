//! A disk of its own for the log, which is full.

use anyhow::{Context, Result, ensure};
use epistemic_tests::disk::Disk;
use epistemic_tests::wait::poll;
use epistemic_tests::wire::params;
use epistemic_tests::{ServerProcess, http};

use crate::{LOOK, SOON, is_sound, lines, logging, of};

const MIB: u64 = 1 << 20;

fn series(server: &ServerProcess, name: &str) -> Result<f64> {
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    http::series(&page, name).with_context(|| format!("no series {name}"))
}

/// Fills the disk until a line has no room.
fn fill(disk: &Disk) -> Result<()> {
    disk.fill(0)
}

#[test]
fn what_must_have_a_line_is_refused_and_nothing_is_done() -> Result<()> {
    let disk = Disk::new(8 * MIB)?;
    let log = disk.path().join("audit.log");
    let server = logging(&log, "required").metrics().start()?;
    let mut client = server.client()?;
    client.create_graph("before")?;
    fill(&disk)?;
    // The last page of the file has room for some lines more.
    let mut refused = 0;
    for number in 0..60 {
        let name = format!("g{number}");
        let Err(error) = client.create_graph(&name) else { continue };
        let text = error.server_text().context("a text")?;
        ensure!(
            text.starts_with("AUDIT_UNAVAILABLE: ") && text.contains("docs/errors/audit-unavailable.md"),
            "{text}"
        );
        let graphs = client.call("", "ListGraphs", None)?.to_string();
        ensure!(graphs.contains(&format!("\"{name}\"")) == text.contains("it was done"), "{text}: {graphs}");
        ensure!(text.contains("it was done") != text.contains("so nothing was done"), "{text}");
        refused += usize::from(text.contains("so nothing was done"));
    }
    ensure!(refused > 30, "{refused}");
    // What has no lines goes on.
    client.add_node("before", "n", b"\x80")?;
    ensure!(series(&server, "epistemic_graph_audit_unavailable")? == 1.0);
    ensure!(series(&server, "epistemic_graph_audit_refusals_total")? >= refused as f64);
    disk.empty()?;
    client.create_graph("after")?;
    ensure!(series(&server, "epistemic_graph_audit_unavailable")? == 0.0);
    is_sound(&log)?;
    let all = lines(&log)?;
    for graph in ["before", "after"] {
        ensure!(
            of(&all, "create", &[("graph", graph), ("outcome", "ok"), ("stage", "done")]).len() == 1,
            "{all:#?}"
        );
    }
    Ok(())
}

#[test]
fn what_need_not_have_one_is_done_and_what_is_missing_is_counted() -> Result<()> {
    let disk = Disk::new(8 * MIB)?;
    let log = disk.path().join("audit.log");
    let server = logging(&log, "best-effort").metrics().start()?;
    let mut client = server.client()?;
    client.create_graph("before")?;
    fill(&disk)?;
    for number in 0..40 {
        client.create_graph(&format!("g{number}"))?;
    }
    let lost = poll(SOON, LOOK, || {
        let lost = series(&server, "epistemic_graph_audit_lost_total")?;
        let lines = series(&server, "epistemic_graph_audit_lines_total")?;
        // Nothing is still on its way: start, and one for each graph.
        Ok::<_, anyhow::Error>((lost > 0.0 && lost + lines >= 42.0).then_some(lost))
    })?;
    let lost = lost.context("nothing is lost on a full disk")?;
    disk.empty()?;
    client.call("", "DeleteGraph", params([("graph_name", "before".into())]))?;
    let told = poll(SOON, LOOK, || {
        let all = lines(&log)?;
        let told: f64 = of(&all, "lost", &[]).iter().filter_map(|line| line["count"].as_f64()).sum();
        Ok::<_, anyhow::Error>((told == lost).then_some(()))
    })?;
    ensure!(told.is_some(), "{lost} are lost: {:#?}", lines(&log)?);
    let all = lines(&log)?;
    let created = of(&all, "create", &[("outcome", "ok")]).len();
    ensure!(created as f64 + lost == 41.0, "{created} lines and {lost} lost of 41");
    is_sound(&log)?;
    Ok(())
}
