//! Servers that are killed.

use std::io::Write;
use std::thread;

use anyhow::{Context, Result, ensure};
use epistemic_tests::Egctl;
use epistemic_tests::wait::pause;

use crate::{is_sound, lines, logging, of};

/// Whatever was acknowledged has both its lines, however often the server is killed.
#[test]
fn no_acknowledged_operation_is_without_its_lines() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("audit.log");
    let mut server = logging(&log, "required").start()?;
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let mut client = server.client()?;
        let creating = thread::Builder::new().name("creating".into()).spawn(move || {
            let names = (0..).map(|number| format!("g{round}.{number}"));
            names.take_while(|name| client.create_graph(name).is_ok()).collect::<Vec<_>>()
        })?;
        pause(std::time::Duration::from_millis(300));
        server.kill9()?;
        acknowledged.extend(creating.join().expect("no panic"));
        server = server.restart()?;
    }
    server.terminate()?;
    is_sound(&log)?;
    let all = lines(&log)?;
    ensure!(!acknowledged.is_empty());
    for graph in &acknowledged {
        for stage in ["begun", "done"] {
            ensure!(of(&all, "create", &[("graph", graph), ("stage", stage)]).len() == 1, "{graph} {stage}");
        }
    }
    // What was being done when it was killed has begun, and nobody was told how it ended.
    let starts = of(&all, "start", &[]).len();
    ensure!(starts == 4, "{starts}");
    Ok(())
}

#[test]
fn half_a_line_is_cut_off_and_said_and_other_damage_stays() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("audit.log");
    let path = log.to_str().context("a path")?.to_owned();
    let mut server = logging(&log, "required").start()?;
    server.client()?.create_graph("g")?;
    server.kill9()?;
    let mut file = fs_err::OpenOptions::new().append(true).open(&log)?;
    let half = b"{\"sequence\":99,\"time\":\"20";
    file.write_all(half)?;
    let (text, _) = Egctl::new().ends(0, ["audit", "verify", &path])?;
    ensure!(
        text.contains(&format!("never finished ({} bytes)", half.len())) && text.contains("sound"),
        "{text}"
    );
    let mut server = server.restart()?;
    ensure!(server.output().contains("ended in a line that was never finished"), "{}", server.output());
    is_sound(&log)?;
    ensure!(of(&lines(&log)?, "torn", &[]).len() == 1);
    // Damage before half a line is no half line.
    server.kill9()?;
    let changed = fs_err::read_to_string(&log)?.replacen("\"graph\":\"g\"", "\"graph\":\"h\"", 1);
    fs_err::write(&log, changed + "{\"sequence\"")?;
    let mut server = server.restart()?;
    ensure!(server.output().contains("SECURITY: the audit log"), "{}", server.output());
    server.client()?.create_graph("later")?;
    server.terminate()?;
    let (text, _) = Egctl::new().ends(4, ["audit", "verify", &path])?;
    ensure!(text.contains("it was changed"), "{text}");
    ensure!(of(&lines(&log)?, "broken", &[]).len() == 1);
    Ok(())
}
