//! The event loop against scripted servers: order, splitting, BUSY, errors and lost connections.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use epistemic_router::{Endpoint, Secret};

use super::args::{Op, PropertyForm};
use super::connection::Connection;
use super::driver::{Limit, Measured, Plan, drive};
use super::template::{Envelope, Sender};
use super::workload::{Source, kinds};

/// Drives `op` with a window of four until `answers` are counted; `serve` plays the server of one connection.
fn drive_against(op: Op, answers: u64, serve: impl FnOnce(UnixStream) + Send) -> Result<Measured> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("server.sock");
    let listener = UnixListener::bind(&path)?;
    thread::scope(|scope| {
        scope.spawn(|| serve(listener.accept().unwrap().0));
        let secret = Secret::new("s");
        let envelope = Envelope { sender: Sender::ById(&secret), graph: "g", form: PropertyForm::Ints };
        let kinds = kinds(op, 2);
        let connection = Connection::open(
            &Endpoint::parse(&format!("unix://{}", path.display()))?,
            envelope,
            &kinds,
            1,
            4,
        )?;
        let plan = Plan { warmup: Duration::ZERO, limit: Limit::Answers(answers), server_pid: None };
        drive(plan, Source::new(kinds, 10, 0, 1), vec![connection])
    })
}

/// Id of the next request, or `None` when the client has gone.
fn read_request(stream: &mut UnixStream) -> Option<u64> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).ok()?;
    let mut body = vec![0; u32::from_be_bytes(prefix) as usize];
    stream.read_exact(&mut body).unwrap();
    rmpv::decode::read_value(&mut body.as_slice()).unwrap()["id"].as_u64()
}

fn answer(id: u64, key: &str, value: &str) -> Vec<u8> {
    let mut body = vec![0x82, 0xa2, b'i', b'd', u8::try_from(id).unwrap()];
    rmp::encode::write_str(&mut body, key).unwrap();
    rmp::encode::write_str(&mut body, value).unwrap();
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
}

/// Answers every request with `key`: `value`.
fn always(key: &'static str, value: &'static str) -> impl FnOnce(UnixStream) + Send {
    move |mut stream| {
        while let Some(id) = read_request(&mut stream) {
            let _ = stream.write_all(&answer(id, key, value));
        }
    }
}

#[test]
fn answers_out_of_order_and_in_pieces_are_matched() {
    let measured = drive_against(Op::AddNode, 40, |mut stream| {
        for _ in 0..9 {
            let ids: Vec<u64> = (0..4).map_while(|_| read_request(&mut stream)).collect();
            let bytes: Vec<u8> = ids.iter().rev().flat_map(|id| answer(*id, "result", "ok")).collect();
            bytes.chunks(3).for_each(|piece| stream.write_all(piece).unwrap());
        }
        always("result", "ok")(stream);
    });
    let measured = measured.unwrap();
    assert_eq!((measured.done, measured.busy, measured.failed), (40, 0, 0));
    assert_eq!(measured.latency.len(), 40);
}

#[test]
fn busy_and_failed_answers_are_counted_apart_and_have_no_latency() {
    let measured = drive_against(Op::AddNode, 20, always("error", "BUSY: later")).unwrap();
    assert_eq!((measured.done, measured.busy, measured.failed, measured.latency.len()), (0, 20, 0, 0));

    let measured = drive_against(Op::Ping, 20, always("error", "no")).unwrap();
    assert!(measured.failed >= 20 && measured.done == 0, "{} failed", measured.failed);
    assert_eq!(measured.first_failure.as_deref(), Some("no"));
}

#[test]
fn a_lost_connection_and_an_unknown_id_are_errors() {
    let closed = drive_against(Op::Ping, 20, |mut stream| {
        (0..4).for_each(|_| assert!(read_request(&mut stream).is_some()));
    });
    assert!(closed.is_err());
    let unknown = drive_against(Op::Ping, 20, |mut stream| {
        let _ = stream.write_all(&answer(99, "result", "ok"));
        while read_request(&mut stream).is_some() {}
    });
    let text = unknown.err().map(|error| error.to_string());
    assert!(text.is_some_and(|text| text.contains("request 99")));
}
