//! The walkthrough, as the README's command runs it, and its end when it is interrupted.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use epistemic_tests::binaries;
use epistemic_tests::wait::poll;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

/// One test: two walkthroughs at once would compete for the published ports.
#[test]
fn every_claim_holds_and_nothing_is_left_running() -> Result<()> {
    for version in binaries::REFERENCE_VERSIONS {
        let python = binaries::reference_python(version)?;
        let output = Command::new(binaries::egctl()?)
            .args(["walkthrough", "--json", "--python"])
            .arg(python)
            .output()?;
        let story = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "client {version}: {}\n{story}", output.status);
        let record: Value = serde_json::from_slice(&output.stdout)?;
        let checks = record["checks"].as_array().context("checks")?;
        assert!(checks.len() > 30 && checks.iter().all(|check| check["held"] == true), "{story}");
        assert!(record["fail_loud"].as_str().is_some_and(|text| text.contains("tenant__acme____bus__")));
        assert!(record["moves"].as_array().is_some_and(|moves| !moves.is_empty()), "{story}");
        assert!(record["written_meanwhile"].as_u64() > Some(0), "{story}");
        assert!(pids(&story).iter().all(|pid| !runs(*pid)), "{story}");
    }
    taken_ports_are_said_and_others_used()?;
    a_failed_step_is_exit_code_1()?;
    an_interrupted_one_stops_its_servers()
}

/// Placement is random then, so this also goes through layouts that the published one is not.
fn taken_ports_are_said_and_others_used() -> Result<()> {
    // When somebody else has it, it is as taken.
    let _taken = TcpListener::bind("127.0.0.1:9102");
    for _ in 0..3 {
        // The operator's groups of graphs are not those of the example.
        let groups = ("GRAPH_AFFINITY_GROUPS", "hot:tenant__*");
        let output = Command::new(binaries::egctl()?).arg("walkthrough").env(groups.0, groups.1).output()?;
        let story = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{story}");
        assert!(story.contains("NOTE: a port of 9101-9103 is taken"), "{story}");
    }
    Ok(())
}

fn a_failed_step_is_exit_code_1() -> Result<()> {
    let output = Command::new(binaries::egctl()?).args(["walkthrough", "--python", "/bin/false"]).output()?;
    let story = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{story}");
    assert!(story.contains("FAILED Python client"), "{story}");
    assert!(pids(&story).iter().all(|pid| !runs(*pid)), "{story}");
    Ok(())
}

fn an_interrupted_one_stops_its_servers() -> Result<()> {
    let mut child = Command::new(binaries::egctl()?).arg("walkthrough").stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("its output")?).lines();
    let mut started = Vec::new();
    for line in lines.by_ref() {
        started.extend(pids(&line?));
        if started.len() == 2 {
            break;
        }
    }
    assert!(started.iter().all(|pid| runs(*pid)), "{started:?}");
    kill_process(Pid::from_child(&child), Signal::INT)?;
    let status = poll(LIMIT, Duration::from_millis(5), || child.try_wait())?;
    assert_eq!(status.context("it goes on")?.code(), Some(1));
    assert!(started.iter().all(|pid| !runs(*pid)), "{started:?}");
    Ok(())
}

/// The process ids that a story names.
fn pids(story: &str) -> Vec<Pid> {
    let named = story.split("(pid ").skip(1).filter_map(|rest| rest.split(')').next());
    named.filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

fn runs(pid: Pid) -> bool {
    test_kill_process(pid).is_ok()
}
