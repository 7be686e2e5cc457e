//! Many connections of those who never show a token.

use std::io::Write;
use std::net::TcpStream;

use anyhow::{Result, ensure};
use epistemic_tests::wire::{bin, params};
use epistemic_tests::{Client, Endpoint, ServerProcess, http};

use crate::bystander::Bystander;
use crate::{MIB, memory};

/// What each connection may cost beside its bytes, in this profile.
const EACH: u64 = 16 << 10;

/// The budget of 64 MiB is for all of their bytes, from the first one on.
#[test]
fn what_strangers_send_stays_inside_one_budget() -> Result<()> {
    const STRANGERS: u64 = 3_000;
    let most = (2 * STRANGERS).to_string();
    let server = ServerProcess::ours().tcp().metrics();
    let server =
        server.arg("--max-connections").arg(&most).arg("--max-unauthenticated").arg(&most).start()?;
    let bystander = Bystander::start(&server)?;
    let before = memory(&server, "VmHWM")?;
    // The beginning of a frame of 1 MiB.
    let bytes = [&[0, 16, 0, 0][..], &[0x80; 64 << 10]].concat();
    let mut strangers = Vec::new();
    for _ in 0..STRANGERS {
        let mut stream = TcpStream::connect(server.tcp_addr())?;
        // Those beyond the budget are told so and closed.
        let _ = stream.write_all(&bytes);
        strangers.push(stream);
    }
    // Answered behind what the strangers sent.
    for _ in 0..100 {
        server.tcp_client()?.call("", "Ping", None)?;
    }
    let grown = memory(&server, "VmHWM")? - before;
    let most = 64 * MIB + STRANGERS * EACH;
    ensure!(grown < most, "resident memory grew by {} MiB, {} are the most", grown / MIB, most / MIB);
    bystander.finish()
}

/// Silent connections of one origin push out their own kind, not those of another.
#[test]
fn a_flood_from_one_address_does_not_push_out_others() -> Result<()> {
    let server = ServerProcess::ours().tcp().metrics();
    let server = server.arg("--max-connections").arg("32").arg("--max-unauthenticated").arg("4").start()?;
    // Over the socket, before the flood, and silent so far.
    let mut quiet = server.client()?;
    let flood: Vec<_> = (0..100).map(|_| TcpStream::connect(server.tcp_addr())).collect::<Result<_, _>>()?;
    let mut friend = server.tcp_client()?;
    ensure!(friend.call("", "Ping", None)? == "pong".into(), "from the address of the flood");
    ensure!(quiet.call("", "Ping", None)? == "pong".into());
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    let pushed_out = http::series(&page, "epistemic_graph_connections_pushed_out_total");
    ensure!(pushed_out >= Some(90.0), "{pushed_out:?}");
    drop(flood);
    Ok(())
}

/// Where the parameters stand does not matter for those who know the secret, and gives strangers no work to make.
#[test]
fn large_first_requests_are_looked_at_token_first() -> Result<()> {
    let server = ServerProcess::ours().tcp().start()?;
    server.client()?.create_graph("g")?;
    let large = || params([("node_id", "n".into()), ("properties_msgpack", bin(vec![7; 3 << 20]))]);
    let connect = || Client::connect(&Endpoint::Tcp(server.tcp_addr()), server.secret());
    for behind in [true, false] {
        let mut client = connect()?;
        let mut request = client.request("g", "AddNode", large());
        if !behind {
            // To the end of the map: what is set anew comes last.
            let token = epistemic_tests::wire::token(server.secret(), request.id());
            request = request.without("auth_token").with("auth_token", token);
        }
        client.send_body(&request.body())?;
        ensure!(client.receive()?.outcome == Ok("ok".into()), "parameters last: {behind}");

        let mut stranger = connect()?;
        let request = stranger.request("g", "AddNode", large());
        let request = if behind { request } else { request.without("auth_token") };
        stranger.send_body(&request.with("auth_token", "wrong").body())?;
        ensure!(stranger.receive()?.outcome == Err("Authentication failed".into()));
    }
    Ok(())
}
