//! Certificates that are replaced while they are in use.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use epistemic_tests::http::{get, series};
use epistemic_tests::{ServerProcess, wait};

use crate::{HOSTS, LIMIT, Shard, Tunnel, authority_and_server, status_json};

/// Renewals under load.
const RENEWALS: u64 = 8;

/// Clients that connect again and again, and one that stays, while the certificate is replaced and the shard told.
#[test]
fn no_call_fails_while_certificates_are_renewed() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let shard = Shard::start_with(ServerProcess::ours().in_memory().metrics(), &pair, &[])?;
    let tunnel = Tunnel::start(&shard.endpoint(), &["--tls-ca", &authority.ca_text()?])?;
    let mut stays = tunnel.client()?;
    stays.create_graph("g")?;
    let (stop, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let busy: Vec<_> = (0..4)
            .map(|number| {
                let (tunnel, stop, calls) = (&tunnel, &stop, &calls);
                scope.spawn(move || -> Result<()> {
                    let mut round = 0;
                    while !stop.load(Ordering::Relaxed) {
                        let mut client = tunnel.client()?;
                        for _ in 0..5 {
                            client.add_node("g", &format!("{number}:{round}"), b"\x80")?;
                            calls.fetch_add(1, Ordering::Relaxed);
                            round += 1;
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        let renewed = (1..=RENEWALS).try_for_each(|renewal| {
            let end = SystemTime::now() + Duration::from_secs(24 * 60 * 60 * (20 + renewal));
            pair.replace_by(&authority.server_until(&format!("server-{renewal}"), &HOSTS, end)?)?;
            shard.hang_up()?;
            let wanted = end.duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
            wait_for_end(&shard, wanted)?;
            stays.add_node("g", "stays", b"\x80")?;
            // Clients have connected anew since.
            let before = calls.load(Ordering::Relaxed);
            let went_on = wait::poll(LIMIT, Duration::from_millis(5), || {
                anyhow::Ok((calls.load(Ordering::Relaxed) > before + 40).then_some(()))
            })?;
            went_on.context("the clients stand still")
        });
        stop.store(true, Ordering::Relaxed);
        for client in busy {
            client.join().expect("no client panics")?;
        }
        renewed
    })?;
    ensure!(shard.server.output().matches("the TLS certificate was read again").count() as u64 == RENEWALS);
    Ok(())
}

/// Waits until the shard shows a certificate that ends at this time.
fn wait_for_end(shard: &Shard, not_after: u64) -> Result<()> {
    let name = "epistemic_graph_tls_certificate_not_after_timestamp_seconds";
    let found = wait::poll(LIMIT, Duration::from_millis(20), || {
        let page = get(shard.server.metrics_addr(), "/metrics");
        let page = page.map(|answer| answer.body).unwrap_or_default();
        anyhow::Ok(series(&page, name).filter(|end| *end as u64 == not_after))
    })?;
    found.map(drop).with_context(|| format!("no certificate until {not_after}: {}", shard.server.output()))
}

#[test]
fn files_that_cannot_be_used_change_nothing_and_are_told() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let ca = authority.ca_text()?;
    let shard = Shard::start(&pair, &[])?;
    let first = status_json(&shard.endpoint(), &["--tls-ca", &ca])?["tls_not_after_s"].clone();
    fs_err::write(&pair.cert, "-----BEGIN CERTIFICATE-----\nhalf of it")?;
    shard.hang_up()?;
    shard.wait_for_log("TLS goes on with the files as they were")?;
    ensure!(status_json(&shard.endpoint(), &["--tls-ca", &ca])?["tls_not_after_s"] == first);
    // Whoever replaces one file before the other is not punished for it.
    let end = SystemTime::now() + Duration::from_secs(24 * 60 * 60 * 40);
    let next = authority.server_until("next", &HOSTS, end)?;
    fs_err::copy(&next.cert, &pair.cert)?;
    shard.hang_up()?;
    shard.wait_for_log("(certificate '")?;
    status_json(&shard.endpoint(), &["--tls-ca", &ca])?;
    pair.replace_by(&next)?;
    // Nobody tells it: it looks by itself.
    shard.wait_for_log("the TLS certificate was read again")?;
    let told = status_json(&shard.endpoint(), &["--tls-ca", &ca])?;
    ensure!(told["tls_not_after_s"].as_u64() == Some(end.duration_since(SystemTime::UNIX_EPOCH)?.as_secs()));
    Ok(())
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let soon = SystemTime::now() + Duration::from_secs(24 * 60 * 60 * 3);
    pair.replace_by(&authority.server_until("soon", &HOSTS, soon)?)?;
    let shard = Shard::start(&pair, &[])?;
    shard.wait_for_log("the TLS certificate expires soon")?;
    let past = SystemTime::now() - Duration::from_secs(60);
    pair.replace_by(&authority.server_until("past", &HOSTS, past)?)?;
    shard.hang_up()?;
    shard.wait_for_log("the TLS certificate has expired")
}

/// Another CA: clients are given both, then servers a certificate of the new one, then clients the new one alone.
#[test]
fn a_client_takes_another_ca_without_a_restart() -> Result<()> {
    let (old, pair) = authority_and_server()?;
    let (new, renewed) = authority_and_server()?;
    let trusted = old.ca();
    let words = trusted.display().to_string();
    let shard = Shard::start(&pair, &["--tls", "require"])?;
    let tunnel = Tunnel::start(&shard.endpoint(), &["--tls-ca", &words])?;
    tunnel.client()?.call("", "Ping", None)?;
    let both = [fs_err::read(old.ca())?, fs_err::read(new.ca())?].concat();
    fs_err::write(&trusted, both)?;
    pair.replace_by(&renewed)?;
    shard.hang_up()?;
    shard.wait_for_log("the TLS certificate was read again")?;
    tunnel.client()?.call("", "Ping", None)?;
    fs_err::copy(new.ca(), &trusted)?;
    tunnel.client()?.call("", "Ping", None)?;
    Ok(())
}
