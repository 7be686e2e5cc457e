//! The log of a process cannot stop it, slow it or end it: a reader that does not read, a disk that is full, a reader that
//! is gone. Strangers cannot fill it.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use epistemic_tests::disk::Disk;
use epistemic_tests::gateway::{self, Gateway};
use epistemic_tests::server::ServerBuilder;
use epistemic_tests::wait::poll;
use epistemic_tests::{ServerProcess, http, preload};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

const SOON: Duration = Duration::from_secs(30);

/// A server that takes a checkpoint each second, when something was written.
fn server() -> ServerBuilder {
    ServerProcess::ours().metrics().arg("--checkpoint-interval").arg("1")
}

fn metric(server: &ServerProcess, name: &str) -> Result<f64> {
    let page = http::get(server.metrics_addr(), "/metrics")?.body;
    Ok(http::series(&page, name).unwrap_or(0.0))
}

/// Writes until `count` more checkpoints were taken by the clock.
fn checkpoints_go_on(server: &ServerProcess, count: usize) -> Result<()> {
    let mut client = server.client()?;
    let folder = server.persist_dir().join("checkpoints");
    let newest = || -> Result<Option<String>> {
        let mut names = Vec::new();
        for entry in fs_err::read_dir(&folder).into_iter().flatten() {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.retain(|name| !name.contains('.'));
        Ok(names.into_iter().max())
    };
    for turn in 0..count {
        let before = newest()?;
        client.add_node("g", &format!("turn {turn} behind {before:?}"), b"\x80")?;
        let later = poll(SOON, Duration::from_millis(20), || {
            Ok::<_, anyhow::Error>((newest()? > before).then_some(()))
        })?;
        later.with_context(|| format!("no checkpoint for {SOON:?} behind {before:?}"))?;
    }
    Ok(())
}

/// Everything that must go on whatever becomes of the log.
fn goes_on(server: &ServerProcess) -> Result<()> {
    let mut client = server.client()?;
    client.set_limit(Duration::from_secs(10))?;
    client.add_node("g", "written", b"\x80")?;
    ensure!(client.node_properties("g", "written")?.is_some(), "a read");
    client.call("", "Checkpoint", None).context("a checkpoint by hand")?;
    ensure!(http::get(server.metrics_addr(), "/healthz")?.status == 200, "/healthz");
    checkpoints_go_on(server, 2)
}

fn stops(mut server: ServerProcess) -> Result<()> {
    let status = server.terminate()?;
    ensure!(status.success(), "SIGTERM: {status}");
    Ok(())
}

/// A pipe that takes nothing more until it is read.
fn full_pipe() -> Result<(PipeReader, PipeWriter)> {
    let (reader, mut writer) = std::io::pipe()?;
    let flags = fcntl_getfl(&writer)?;
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK)?;
    for piece in [4096, 1] {
        while writer.write(&vec![b'\n'; piece]).is_ok() {}
    }
    fcntl_setfl(&writer, flags)?;
    Ok((reader, writer))
}

#[test]
fn a_reader_that_does_not_read() -> Result<()> {
    let (reader, writer) = full_pipe()?;
    let server = server().log_to(writer).start()?;
    server.client()?.create_graph("g")?;
    goes_on(&server)?;
    // Read at last, it has everything.
    let log = std::thread::scope(|scope| {
        let reading = scope.spawn(move || std::io::read_to_string(reader));
        stops(server)?;
        anyhow::Ok(reading.join().expect("the reader does not panic")?)
    })?;
    ensure!(log.contains("Starting") && log.trim_end().ends_with("stopped"), "{log}");
    Ok(())
}

#[test]
fn a_stop_does_not_wait_for_a_reader() -> Result<()> {
    let (_reader, writer) = full_pipe()?;
    let server = server().log_to(writer).start()?;
    let begun = Instant::now();
    stops(server)?;
    ensure!(begun.elapsed() < Duration::from_secs(20), "it took {:?}", begun.elapsed());
    Ok(())
}

#[test]
fn a_full_disk() -> Result<()> {
    let disk = Disk::new(1 << 20)?;
    let log = disk.path().join("log");
    let file = fs_err::OpenOptions::new().create(true).append(true).open(&log)?.into_file();
    let server = server().log_to(file).start()?;
    server.client()?.create_graph("g")?;
    disk.fill(0)?;
    // Into what is left of the last page.
    let left = 4096 - fs_err::metadata(&log)?.len() % 4096;
    fs_err::OpenOptions::new().append(true).open(&log)?.write_all(&vec![b'\n'; usize::try_from(left)?])?;
    goes_on(&server)?;
    let dropped = metric(&server, "epistemic_graph_log_lines_dropped_total")?;
    ensure!(dropped > 0.0, "nothing was dropped on a full disk");

    disk.empty()?;
    goes_on(&server)?;
    stops(server)?;
    let text = fs_err::read_to_string(&log)?;
    ensure!(text.contains("lines of the log were dropped") && text.trim_end().ends_with("stopped"), "{text}");
    Ok(())
}

/// What is wrong while nothing can be logged is handled all the same.
#[test]
fn a_failed_sync_poisons_although_it_cannot_be_logged() -> Result<()> {
    let work = tempfile::tempdir()?;
    let library = preload::compile(include_str!("../../powercut/failsync.c"), work.path())?;
    let (data, trigger) = (fs_err::canonicalize(work.path())?.join("data"), work.path().join("trigger"));
    let full = fs_err::OpenOptions::new().write(true).open("/dev/full")?.into_file();
    let server = server()
        .persist_dir(&data)
        .env("LD_PRELOAD", library)
        .env("FAILSYNC_ROOT", &data)
        .env("FAILSYNC_TRIGGER", &trigger)
        .env("FAILSYNC_RECORD", work.path().join("record"))
        .log_to(full)
        .start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "kept", b"\x80")?;
    fs_err::write(&trigger, [])?;
    let error =
        client.add_node("g", "refused", b"\x80").err().context("a write whose sync failed was answered")?;
    ensure!(error.server_text().is_some(), "{error}");
    let error = client.add_node("g", "later", b"\x80").err().context("a write behind it was taken")?;
    ensure!(error.to_string().contains("stopped taking writes"), "{error}");
    ensure!(client.node_properties("g", "kept")?.is_some(), "reads go on");
    stops(server)
}

#[test]
fn a_reader_that_is_gone() -> Result<()> {
    let (mut reader, writer) = std::io::pipe()?;
    let server = server().log_to(writer).start()?;
    reader.read_exact(&mut [0])?;
    drop(reader);
    server.client()?.create_graph("g")?;
    goes_on(&server)?;
    stops(server)
}

/// 2,000 connections that say no more than a byte are a few lines.
#[test]
fn strangers_cannot_fill_it() -> Result<()> {
    let server = ServerProcess::ours().arg("--frame-deadline").arg("1").start()?;
    let mut closed = 0;
    for _ in 0..4 {
        let connect = |_| -> Result<UnixStream> {
            let mut stream = UnixStream::connect(server.socket())?;
            stream.write_all(&[0])?;
            Ok(stream)
        };
        for mut stream in (0..500).map(connect).collect::<Result<Vec<_>>>()? {
            stream.set_read_timeout(Some(SOON))?;
            closed += usize::from(stream.read(&mut [0])? == 0);
        }
    }
    ensure!(closed == 2000, "{closed} of 2000 were closed");
    let output = server.output();
    let lines = output.lines().filter(|line| line.contains("no complete request")).count();
    ensure!((1..=20).contains(&lines), "{lines} lines:\n{output}");
    Ok(())
}

#[test]
fn a_server_that_cannot_start_ends_without_a_reader() -> Result<()> {
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let folder = tempfile::tempdir()?;
    fs_err::write(folder.path().join("notes.txt"), "theirs")?;
    let mut server = ServerProcess::ours().persist_dir(folder.path()).log_to(writer).spawn()?;
    let status = server.wait_for_exit(SOON)?;
    ensure!(status.code() == Some(1), "{status}");
    Ok(())
}

#[test]
fn the_gateway_is_no_worse() -> Result<()> {
    let shard = ServerProcess::ours().start()?;
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let mut command = gateway::command(&format!("unix://{}", shard.socket().display()), shard.secret())?;
    command.stdout(writer.try_clone()?).stderr(writer);
    let mut gateway = Gateway::start_program(command, &[])?;
    ensure!(gateway.get("/healthz")?.status == 200, "/healthz");
    let page = gateway.get("/metrics")?.body;
    ensure!(http::series(&page, "epistemic_graph_gateway_log_lines_dropped_total") > Some(0.0), "{page}");
    gateway.terminate()?;
    let status = gateway.wait_for_exit(SOON)?;
    ensure!(status.success(), "SIGTERM: {status}");
    Ok(())
}

/// Names are the clients' to choose: a line of the log is one line, and no terminal obeys it.
#[test]
fn a_name_forges_no_line() -> Result<()> {
    let agent = "ops\n2026-01-01T00:00:00Z ERROR the store is on fire\u{1b}[31m";
    let server = ServerProcess::ours().arg("--system-agent").arg(agent).start()?;
    let mut client = server.client()?.acting_as(agent);
    let fields = [
        ("agent_id", "x".into()),
        ("role", "Agent".into()),
        ("teams", epistemic_tests::Value::Array(Vec::new())),
        ("signature", "".into()),
    ];
    client.call("", "RegisterIdentity", epistemic_tests::wire::params(fields))?;
    let fields = [("agent_id", "x".into())];
    client.call("", "UnregisterIdentity", epistemic_tests::wire::params(fields))?;
    let told = poll(SOON, Duration::from_millis(10), || {
        Ok::<_, anyhow::Error>(server.output().contains("an identity was removed").then_some(()))
    })?;
    told.context("the removal is in the log")?;
    let output = server.output();
    ensure!(output.contains("on fire"), "{output}");
    ensure!(!output.contains('\u{1b}'), "{output:?}");
    ensure!(output.lines().all(|line| !line.starts_with("2026-01-01T00:00:00Z")), "{output}");
    Ok(())
}
