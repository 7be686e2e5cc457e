//! A log that goes to a socket.

use std::io::{BufRead, BufReader};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::thread;

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;

use crate::{SOON, is_sound, lines, of};

fn sending(to: &std::path::Path) -> epistemic_tests::ServerBuilder {
    let target = format!("unix:{}", to.display());
    ServerProcess::ours().arg("--audit-log").arg(target).arg("--audit").arg("required")
}

#[test]
fn datagrams_are_the_chain_over_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (path, received) = (folder.path().join("s"), folder.path().join("received"));
    let (status, output) = sending(&path).start_expecting_exit()?;
    ensure!(status.code() == Some(1) && output.contains("socket '"), "{output}");
    let receiver = UnixDatagram::bind(&path)?;
    receiver.set_read_timeout(Some(SOON))?;
    let collecting = thread::Builder::new().name("collecting".into()).spawn({
        let received = received.clone();
        move || -> Result<()> {
            let (mut text, mut stops) = (Vec::new(), 0);
            while stops < 2 {
                let mut line = vec![0; 64 << 10];
                let length = receiver.recv(&mut line)?;
                text.extend_from_slice(&line[..length]);
                stops += usize::from(line[..length].windows(14).any(|part| part == b"\"event\":\"stop\""));
            }
            Ok(fs_err::write(received, text)?)
        }
    })?;
    let mut server = sending(&path).start()?;
    server.client()?.create_graph("g")?;
    server.terminate()?;
    let mut server = server.restart()?;
    server.client()?.create_graph("h")?;
    server.terminate()?;
    collecting.join().expect("no panic")?;
    is_sound(&received)?;
    let all = lines(&received)?;
    ensure!(of(&all, "create", &[("outcome", "ok")]).len() == 2, "{all:#?}");
    Ok(())
}

#[test]
fn a_stream_has_lines() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("s");
    let listener = UnixListener::bind(&path)?;
    let first = thread::Builder::new().name("first".into()).spawn(move || -> Result<Vec<String>> {
        let (stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(SOON))?;
        BufReader::new(stream).lines().take(4).map(|line| Ok(line?)).collect()
    })?;
    let server = sending(&path).in_memory().start()?;
    server.client()?.create_graph("g")?;
    let told = first.join().expect("no panic")?;
    ensure!(told.len() == 4 && told[3].contains("\"stage\":\"done\""), "{told:#?}");
    // Its receiver is gone: nothing is done without a line.
    let error = server.client()?.create_graph("h").err().context("nobody takes the line")?;
    ensure!(error.server_text().is_some_and(|text| text.starts_with("AUDIT_UNAVAILABLE")), "{error}");
    Ok(())
}
