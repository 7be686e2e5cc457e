//! A proxy before a shard that lets single requests go wrong: lost, answered to nobody, held up, doubled.
//!
//! Frames pass one after the other, as the answers of a connection come in the order of its requests. A request that goes
//! wrong ends its connection, so that its sender learns at once that no answer comes; what was held up is sent on a
//! connection of its own, whatever became of the sender.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use anyhow::Result;
use rmpv::Value;

use crate::wait::pause;
use crate::wire::{Response, field, unpack};

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is answered.
    Pass,
    /// The server does not see it.
    LoseRequest,
    /// The server carries it out.
    LoseAnswer,
    /// The server sees it after so long.
    Hold(Duration),
    /// It is answered, and the server sees it once more after so long.
    Double(Duration),
    /// It is kept until [`FrameProxy::deliver`].
    Keep,
}

/// Decides on a request by its graph and its method.
pub type Fates = dyn Fn(&str, &str) -> Fate + Send + Sync;

/// Forwards to one server. Threads and port live as long as the process.
pub struct FrameProxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    fates: Box<Fates>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Requests that are kept, as frames.
    kept: Vec<Vec<u8>>,
    /// Graphs of requests that are held up.
    held: Vec<String>,
}

impl FrameProxy {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// There is none.
    pub fn before(server: SocketAddr, fates: Box<Fates>) -> Result<FrameProxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared { server, fates, state: Mutex::default() });
        let accepting = Arc::clone(&shared);
        Builder::new().name("frames".into()).spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&accepting);
                let forward = move || {
                    // What goes wrong with one connection is seen by the client.
                    let _ = shared.forward(client);
                };
                if Builder::new().name("frame".into()).spawn(forward).is_err() {
                    return;
                }
            }
        })?;
        Ok(FrameProxy { addr, shared })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Requests that are kept.
    pub fn kept(&self) -> usize {
        self.shared.state().kept.len()
    }

    /// Sends the requests that were kept, oldest first; returns what the server answers.
    ///
    /// # Errors
    /// The server cannot be reached, or closes a connection.
    pub fn deliver(&self) -> Result<Vec<Response>> {
        let kept = std::mem::take(&mut self.shared.state().kept);
        kept.iter().map(|frame| Ok(Response::decode(&self.shared.send(frame)?[4..])?)).collect()
    }

    /// Whether requests of this graph are held up.
    pub fn holds(&self, graph: &str) -> bool {
        self.shared.state().held.iter().any(|held| held == graph)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forward(self: &Arc<Self>, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut server = TcpStream::connect(self.server)?;
        server.set_nodelay(true)?;
        while let Some(frame) = read_frame(&mut client)? {
            let (graph, method) = address(&frame);
            let fate = (self.fates)(&graph, &method);
            match fate {
                Fate::Pass | Fate::LoseAnswer | Fate::Double(_) => {}
                Fate::LoseRequest => break,
                Fate::Hold(time) => {
                    self.hold(graph, frame, time)?;
                    break;
                }
                Fate::Keep => {
                    self.state().kept.push(frame);
                    break;
                }
            }
            server.write_all(&frame)?;
            let Some(answer) = read_frame(&mut server)? else { break };
            if let Fate::Double(time) = fate {
                self.hold(graph, frame, time)?;
            }
            if fate == Fate::LoseAnswer {
                break;
            }
            client.write_all(&answer)?;
        }
        client.shutdown(Shutdown::Both)
    }

    fn hold(self: &Arc<Self>, graph: String, frame: Vec<u8>, time: Duration) -> io::Result<()> {
        self.state().held.push(graph.clone());
        let shared = Arc::clone(self);
        let late = move || {
            pause(time);
            // Nobody waits for the answer; the server may be gone.
            let _ = shared.send(&frame);
            let mut state = shared.state();
            if let Some(index) = state.held.iter().position(|held| *held == graph) {
                state.held.swap_remove(index);
            }
        };
        Builder::new().name("late".into()).spawn(late).map(drop)
    }

    /// The answer to a request on a connection of its own.
    fn send(&self, frame: &[u8]) -> io::Result<Vec<u8>> {
        let mut server = TcpStream::connect(self.server)?;
        server.write_all(frame)?;
        read_frame(&mut server)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// The next frame with its length, none at the end of the connection.
fn read_frame(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut frame = vec![0; 4];
    match stream.read_exact(&mut frame) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize;
    frame.resize(4 + length, 0);
    stream.read_exact(&mut frame[4..])?;
    Ok(Some(frame))
}

/// Graph and method of a request; empty where there are none.
fn address(frame: &[u8]) -> (String, String) {
    let request = unpack(&frame[4..]).unwrap_or(Value::Nil);
    let text = |name| field(&request, name).and_then(Value::as_str).unwrap_or_default().to_owned();
    (text("graph"), text("method"))
}
