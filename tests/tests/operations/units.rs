//! The systemd units.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use epistemic_tests::binaries;

use super::help::{check_flags, port, value};
use super::{succeeds, text};

const SHARD: &str = "epistemic-graph-shard@.service";
const GATEWAY: &str = "epistemic-graph-gateway.service";
const BACKUP: &str = "epistemic-graph-backup.service";
const DRILL: &str = "epistemic-graph-backup-drill.service";
const SERVICES: [&str; 4] = [SHARD, GATEWAY, BACKUP, DRILL];

fn unit(name: &str) -> Result<String> {
    text(&format!("deploy/systemd/{name}"))
}

/// The values of a setting, continued lines joined, of instance 1.
fn settings(name: &str, key: &str) -> Result<Vec<String>> {
    let text = unit(name)?.replace("\\\n", " ").replace("%i", "1");
    let found = text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    Ok(found.map(str::to_owned).collect())
}

/// The first of [`settings`].
fn setting(name: &str, key: &str) -> Result<String> {
    settings(name, key)?.into_iter().next().with_context(|| format!("{name} has no {key}"))
}

#[test]
fn every_flag_is_the_programs() -> Result<()> {
    for name in SERVICES {
        for start in settings(name, "ExecStart")? {
            let words: Vec<&str> = start.split_whitespace().collect();
            ensure!(
                words.iter().all(|word| !word.contains('%')),
                "{name}: an unknown specifier in {words:?}"
            );
            check_flags(&words).context(name)?;
        }
    }
    let help = check_flags(&setting(GATEWAY, "ExecStart")?.split_whitespace().collect::<Vec<_>>())?;
    let variable = setting(GATEWAY, "Environment")?;
    ensure!(help.has(variable.split('=').next().unwrap_or_default()), "{variable}");
    Ok(())
}

/// The folders of the command are those that systemd makes, and the ports those of the walkthrough.
#[test]
fn the_command_agrees_with_the_rest_of_the_unit() -> Result<()> {
    let start = setting(SHARD, "ExecStart")?;
    let words: Vec<&str> = start.split_whitespace().collect();
    ensure!(value(&words, "--tcp-addr").and_then(port) == Some(9101), "{words:?}");
    ensure!(value(&words, "--metrics-addr").and_then(port) == Some(9111), "{words:?}");
    let folders = setting(SHARD, "StateDirectory")?;
    let (state, stores) = folders.split_once(' ').context("StateDirectory")?;
    ensure!(value(&words, "--persist-dir") == Some(&*format!("/var/lib/{state}")), "{state}");
    ensure!(value(&words, "--store-id-file") == Some(&*format!("/var/lib/{stores}/shard-1")), "{stores}");
    ensure!(
        setting(SHARD, "RestartPreventExitStatus")? == "2 4 5 6",
        "a wrong store is not begun again and again"
    );
    ensure!(setting(SHARD, "TimeoutStartSec")? == "infinity", "a log is replayed for as long as it takes");
    for name in [SHARD, GATEWAY] {
        ensure!(setting(name, "Type")? == "notify", "{name} counts as started before it listens");
    }
    let socket = format!("/run/{}/shard.sock", setting(SHARD, "RuntimeDirectory")?);
    ensure!(value(&words, "--socket-path") == Some(&*socket), "{socket}");
    let users = unit("epistemic-graph.sysusers.conf")?;
    for name in SERVICES {
        ensure!(users.contains(&format!("\nu {} ", setting(name, "User")?)), "{name}: nobody makes its user");
    }
    Ok(())
}

/// No secret in a core dump or in swap, no machine without memory or processes for others, no call that only root needs.
#[test]
fn every_service_is_bounded_and_leaves_no_memory_behind() -> Result<()> {
    for name in SERVICES {
        for (key, value) in [("LimitCORE", "0"), ("MemorySwapMax", "0"), ("NoNewPrivileges", "yes")] {
            ensure!(setting(name, key)? == value, "{name}: {key}");
        }
        for key in ["MemoryMax", "TasksMax"] {
            let value = setting(name, key)?;
            ensure!(value.starts_with(|first: char| first.is_ascii_digit()), "{name}: {key}={value}");
        }
        let filters = settings(name, "SystemCallFilter")?;
        ensure!(
            filters[0] == "@system-service" && filters[1].starts_with("~@privileged"),
            "{name}: {filters:?}"
        );
    }
    Ok(())
}

/// `systemd-analyze verify`, with the programs where they were built, and its mark for hardening (10 is worst).
#[test]
fn systemd_takes_the_units() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = binaries::server()?.display().to_string();
    for name in SERVICES {
        let program = setting(name, "ExecStart")?;
        let program = program.split(' ').next().unwrap_or_default();
        fs_err::write(folder.path().join(name), unit(name)?.replace(program, &server))?;
    }
    for timer in [BACKUP, DRILL].map(|name| name.replace(".service", ".timer")) {
        fs_err::write(folder.path().join(&timer), unit(&timer)?)?;
    }
    let shard = SHARD.replace('@', "@1");
    for name in [&*shard, GATEWAY, BACKUP, DRILL] {
        let path = folder.path().join(name);
        let said = succeeds(Command::new("systemd-analyze").args(["--man=no", "verify"]).arg(&path))?;
        ensure!(!said.contains(&*folder.path().to_string_lossy()), "{said}");
        let security = ["security", "--offline=true", "--no-pager", "--threshold=20"];
        succeeds(Command::new("systemd-analyze").args(security).arg(&path))?;
    }
    Ok(())
}
