//! One port for TLS and for plain connections.

use anyhow::{Result, ensure};
use epistemic_tests::certs::Authority;
use epistemic_tests::http::{get, series};
use epistemic_tests::wire::Endpoint;
use epistemic_tests::{Client, ServerProcess, WireError};

use crate::{SECRET, Shard, Tunnel, authority_and_server, openssl, status, status_json};

/// A server that every client of this file can use, from the first byte to the last.
#[test]
fn both_are_served_on_one_port() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let shard = Shard::start_with(ServerProcess::ours().in_memory().metrics(), &pair, &[])?;
    let tunnel = Tunnel::start(&shard.endpoint(), &["--tls-ca", &authority.ca_text()?])?;
    let large = vec![0xc0; 3 << 20];
    let (mut plain, mut secure) = (shard.plain()?, tunnel.client()?);
    plain.create_graph("g")?;
    secure.add_node("g", "by TLS", b"\x81\xa1a\x01")?;
    ensure!(plain.node_properties("g", "by TLS")?.as_deref() == Some(&b"\x81\xa1a\x01"[..]));
    // More than one record, and more than is written at once, in both directions.
    let document =
        [&[0x81, 0xa1, b'a', 0xdd][..], &u32::try_from(large.len())?.to_be_bytes(), &large].concat();
    for client in [&mut secure, &mut plain] {
        client.add_node("g", "large", &document)?;
        ensure!(client.node_properties("g", "large")?.as_deref() == Some(&document[..]));
    }
    // Pipelined answers come in their order.
    let ids: Vec<u64> =
        (0..500).map(|_| secure.send("g", "NodeCount", None)).collect::<Result<_, WireError>>()?;
    for id in ids {
        let answer = secure.receive()?;
        ensure!(answer.id == id && answer.outcome == Ok(2.into()), "{answer:?}");
    }
    let page = get(shard.server.metrics_addr(), "/metrics")?.body;
    for (transport, least) in [("plain", 1.0), ("tls", 1.0)] {
        let name = format!("epistemic_graph_tcp_connections_total{{transport=\"{transport}\"}}");
        ensure!(series(&page, &name).is_some_and(|count| count >= least), "{name}: {page}");
    }
    ensure!(series(&page, "epistemic_graph_tls_certificate_not_after_timestamp_seconds").is_some(), "{page}");
    Ok(())
}

#[test]
fn plain_connections_are_told_that_tls_is_required() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let shard = Shard::start(&pair, &["--tls", "require"])?;
    let mut plain = shard.plain()?;
    plain.send("g", "Ping", None)?;
    let answer = plain.receive()?;
    ensure!(answer.id == 0, "{answer:?}");
    ensure!(answer.outcome.is_err_and(|text| text.starts_with("TLS_REQUIRED: ")));
    ensure!(plain.is_closed_by_server()?, "it is served on");
    let refused = status(&shard.endpoint(), &[])?;
    let error = String::from_utf8_lossy(&refused.stderr);
    ensure!(!refused.status.success() && error.contains("TLS_REQUIRED"), "{error}");
    let told = status_json(&shard.endpoint(), &["--tls-ca", &authority.ca_text()?])?;
    ensure!(told["plaintext_tcp"] == false && told["tls_not_after_s"].is_u64(), "{told}");
    // A socket of the machine stays as it is.
    ensure!(shard.server.client()?.call("", "Ping", None)? == "pong".into());
    shard.wait_for_log("not under TLS")
}

#[test]
fn openssl_finds_tls_1_3_and_nothing_else() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let shard = Shard::start(&pair, &[])?;
    let ca = authority.ca();
    let (good, text) = openssl(
        shard.address,
        &ca,
        &["-alpn", "eg", "-servername", "localhost", "-verify_hostname", "localhost"],
    )?;
    ensure!(good && text.contains("Verify return code: 0 (ok)"), "{text}");
    ensure!(text.contains("TLSv1.3") && text.contains("ALPN protocol: eg"), "{text}");
    for (flags, why) in [
        (&["-tls1_2"][..], "protocol version"),
        (&["-alpn", "h2"], "no application protocol"),
        (&["-verify_hostname", "elsewhere"], "ostname mismatch"),
    ] {
        let (good, text) = openssl(shard.address, &ca, flags)?;
        ensure!(!good && text.contains(why), "{flags:?}: {text}");
    }
    Ok(())
}

/// The principal of a certificate is in the log beside the address; without a certificate there is no connection.
#[test]
fn clients_show_a_certificate_where_one_is_asked_for() -> Result<()> {
    let (authority, pair) = authority_and_server()?;
    let ca = authority.ca_text()?;
    let shard = Shard::start(&pair, &["--tls", "require", "--tls-client-ca", &ca])?;
    let own = authority.client("client", "spiffe://example/agent")?;
    let elsewhere = Authority::new()?;
    let foreign = elsewhere.client("foreign", "spiffe://example/agent")?;
    let [cert, key] = [own.cert.display().to_string(), own.key.display().to_string()];
    status_json(&shard.endpoint(), &["--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key])?;
    let tunnel =
        Tunnel::start(&shard.endpoint(), &["--tls-ca", &ca, "--tls-cert", &cert, "--tls-key", &key])?;
    let mut guesser = Client::connect(&Endpoint::Unix(tunnel.socket.clone()), "another secret")?;
    ensure!(guesser.call("", "Ping", None).is_err());
    shard.wait_for_log("spiffe://example/agent")?;
    for (flags, why) in [
        (vec![], "CertificateRequired"),
        (
            vec![
                "--tls-cert".to_owned(),
                foreign.cert.display().to_string(),
                "--tls-key".into(),
                foreign.key.display().to_string(),
            ],
            "alert",
        ),
    ] {
        let flags: Vec<&str> =
            ["--tls-ca", &ca].into_iter().chain(flags.iter().map(String::as_str)).collect();
        let refused = status(&shard.endpoint(), &flags)?;
        let error = String::from_utf8_lossy(&refused.stderr);
        ensure!(refused.status.code() == Some(3) && error.contains(why), "{flags:?}: {error}");
    }
    Ok(())
}

#[test]
fn without_a_certificate_nothing_is_changed() -> Result<()> {
    let server = ServerProcess::ours().in_memory().tcp().start()?;
    let told = status_json(&format!("tcp://{}", server.tcp_addr()), &[])?;
    ensure!(told["plaintext_tcp"] == false && told["tls_not_after_s"].is_null(), "{told}");
    // A handshake is a frame over the limit, as ever.
    let mut client = Client::connect(&Endpoint::Tcp(server.tcp_addr()), SECRET)?;
    client.send_raw(&[&[0x16, 3, 1, 2, 0][..], &[0; 20 << 10]].concat())?;
    let answer = client.receive()?;
    ensure!(answer.outcome.is_err_and(|text| text.starts_with("FRAME_TOO_LARGE")));
    Ok(())
}
