//! Connections that do not get on: no request, half a frame, a byte now and then.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use epistemic_tests::wait::pause;
use epistemic_tests::{Client, ServerProcess};

use crate::bystander::Bystander;
use crate::{endpoints, node};

const DEADLINE: Duration = Duration::from_secs(1);

fn server() -> Result<ServerProcess> {
    ServerProcess::ours().tcp().arg("--frame-deadline").arg("1").start()
}

#[test]
fn half_open_connections_are_closed() -> Result<()> {
    let server = server()?;
    let bystander = Bystander::start(&server)?;
    for endpoint in endpoints(&server) {
        let connect = || Client::connect(&endpoint, server.secret());
        let mut idle = connect()?;
        idle.call("", "Ping", None)?;

        let mut half_open = Vec::new();
        for bytes in [&[0][..], &[0, 0, 1], &[0, 0, 1, 0], &[0, 0, 1, 0, 0x85], &[0; 200]] {
            let mut client = connect()?;
            client.send_raw(bytes)?;
            half_open.push((client, bytes, false));
            if bytes.len() < 200 {
                let mut client = connect()?;
                client.call("", "Ping", None)?;
                client.send_raw(bytes)?;
                half_open.push((client, bytes, true));
            }
        }
        // Wrong tokens do not keep a connection open.
        let mut stranger = connect()?;
        let request = stranger.request("", "Ping", None).with("auth_token", "wrong");
        stranger.send_body(&request.body())?;
        stranger.receive()?;
        half_open.push((stranger, &[], false));

        let begun = Instant::now();
        for (mut client, bytes, authenticated) in half_open {
            while bytes.len() == 200 && client.receive_body().is_ok() {} // 50 empty requests, each answered
            let what = format!("{bytes:?} on {endpoint:?}, authenticated: {authenticated}");
            ensure!(bytes.len() == 200 || client.is_closed_by_server()?, "an answer to {what}");
        }
        ensure!(begun.elapsed() < 20 * DEADLINE, "closed after {:?}", begun.elapsed());
        // An authenticated client may be idle for longer than the deadline.
        ensure!(idle.call("", "Ping", None)? == "pong".into());
    }
    bystander.finish()
}

/// A notebook connects and asks minutes later. When there are many of its kind they are strangers.
#[test]
fn a_quiet_client_is_let_be_while_there_are_few() -> Result<()> {
    let quiet = |server: &ServerProcess, count| -> Result<Vec<Client>> {
        let connect = |_| Client::connect(&server.unix_endpoint(), server.secret()).map_err(Into::into);
        let clients = (0..count).map(connect).collect();
        pause(3 * DEADLINE);
        clients
    };
    for client in &mut quiet(&server()?, 3)? {
        ensure!(client.call("", "Ping", None)? == "pong".into());
    }
    let crowded =
        ServerProcess::ours().arg("--frame-deadline").arg("1").arg("--max-connections").arg("8").start()?;
    // A quarter of them may stay.
    let answers =
        quiet(&crowded, 6)?.iter_mut().filter_map(|client| client.call("", "Ping", None).ok()).count();
    ensure!((1..=3).contains(&answers), "{answers} of 6 were let be");
    Ok(())
}

/// One byte at a time does not extend the deadline.
#[test]
fn a_trickle_is_cut_off() -> Result<()> {
    let server = server()?;
    let bystander = Bystander::start(&server)?;
    for authenticated in [false, true] {
        let mut client = server.client()?;
        if authenticated {
            client.call("", "Ping", None)?;
        }
        let begun = Instant::now();
        client.send_raw(&[0, 1, 0, 0])?;
        while client.send_raw(&[0]).is_ok() {
            ensure!(begun.elapsed() < 20 * DEADLINE, "still open, authenticated: {authenticated}");
            pause(Duration::from_millis(20));
        }
        ensure!(client.is_closed_by_server()?);
    }
    bystander.finish()
}

/// The deadline is for one frame: who always has the next one under way is a good client.
#[test]
fn a_busy_client_is_not_cut_off() -> Result<()> {
    let server = server()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    let begun = Instant::now();
    let mut rest = Vec::new();
    let mut number = 0;
    while begun.elapsed() < 3 * DEADLINE {
        let body = client.request("g", "HasNode", node("n")).body();
        let frame = [&u32::try_from(body.len())?.to_be_bytes()[..], &body].concat();
        let (first, second) = frame.split_at(frame.len() / 2);
        client.send_raw(&[&rest[..], first].concat())?;
        if number > 0 {
            client.receive()?;
        }
        rest = second.to_vec();
        number += 1;
        pause(Duration::from_millis(10));
    }
    Ok(())
}
