//! A connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::{Request, Response, Value, WireError, bin, pack, params};

/// How long a client waits for the next byte of an answer.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// Path of a unix socket.
    Unix(PathBuf),
    /// Address of a TCP listener.
    Tcp(SocketAddr),
}

#[derive(Debug)]
enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

/// A connection. Calls block; [`Client::send`] and [`Client::receive`] pipeline.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    secret: String,
    agent_id: Option<String>,
    next_id: u64,
}

impl Client {
    /// Connects; nothing is sent yet. Every read and write waits at most [`ANSWER_LIMIT`].
    pub fn connect(endpoint: &Endpoint, secret: &str) -> Result<Client, WireError> {
        let stream = match endpoint {
            Endpoint::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
            Endpoint::Tcp(addr) => {
                let stream = TcpStream::connect_timeout(addr, Duration::from_secs(10))?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
        };
        let client = Client { stream, secret: secret.into(), agent_id: None, next_id: 1 };
        client.set_limit(ANSWER_LIMIT)?;
        Ok(client)
    }

    /// Another handle of the same connection, for a thread that sends while this one receives.
    pub fn try_clone(&self) -> Result<Client, WireError> {
        let stream = match &self.stream {
            Stream::Unix(stream) => Stream::Unix(stream.try_clone()?),
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone()?),
        };
        let (secret, agent_id) = (self.secret.clone(), self.agent_id.clone());
        Ok(Client { stream, secret, agent_id, next_id: self.next_id })
    }

    /// Gives `agent_id` in every request from now on.
    pub fn acting_as(mut self, agent_id: &str) -> Client {
        self.agent_id = Some(agent_id.into());
        self
    }

    /// Changes how long a read or write waits.
    pub fn set_limit(&self, limit: Duration) -> Result<(), WireError> {
        match &self.stream {
            Stream::Unix(stream) => {
                stream.set_read_timeout(Some(limit))?;
                stream.set_write_timeout(Some(limit))?;
            }
            Stream::Tcp(stream) => {
                stream.set_read_timeout(Some(limit))?;
                stream.set_write_timeout(Some(limit))?;
            }
        }
        Ok(())
    }

    /// Sends a request and waits for its answer, which must carry the request's id.
    pub fn call(&mut self, graph: &str, method: &str, params: Option<Value>) -> Result<Value, WireError> {
        let id = self.send(graph, method, params)?;
        let response = self.receive()?;
        if response.id != id {
            return Err(WireError::Protocol(format!("answer to {}, asked {id}: {response:?}", response.id)));
        }
        response.outcome.map_err(WireError::Server)
    }

    /// Sends a request without waiting; returns its id.
    pub fn send(&mut self, graph: &str, method: &str, params: Option<Value>) -> Result<u64, WireError> {
        let request = self.request(graph, method, params);
        self.send_body(&request.body())?;
        Ok(self.next_id - 1)
    }

    /// A request with this connection's next id, to be changed and sent with [`Client::send_body`].
    pub fn request(&mut self, graph: &str, method: &str, params: Option<Value>) -> Request {
        let id = self.next_id;
        self.next_id += 1;
        let request = Request::new(id, &self.secret, graph, method, params);
        match &self.agent_id {
            Some(agent_id) => request.with("agent_id", agent_id.as_str()),
            None => request,
        }
    }

    /// Sends `body` as one frame.
    pub fn send_body(&mut self, body: &[u8]) -> Result<(), WireError> {
        let length = u32::try_from(body.len()).expect("a test frame is smaller than 4 GiB");
        let mut frame = length.to_be_bytes().to_vec();
        frame.extend_from_slice(body);
        self.send_raw(&frame)
    }

    /// Sends bytes as they are: half a frame, a wrong length, garbage.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.stream.write_all(bytes)?;
        Ok(())
    }

    /// Waits for the next answer, whatever its id.
    pub fn receive(&mut self) -> Result<Response, WireError> {
        Response::decode(&self.receive_body()?)
    }

    /// Waits for the next frame and returns its body.
    pub fn receive_body(&mut self) -> Result<Vec<u8>, WireError> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    /// Whether the server has closed the connection: waits for that or for unexpected bytes.
    pub fn is_closed_by_server(&mut self) -> Result<bool, WireError> {
        match self.stream.read(&mut [0]) {
            Ok(read) => Ok(read == 0),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells the server that nothing more will be sent; answers can still be read.
    pub fn finish_sending(&self) -> Result<(), WireError> {
        let how = std::net::Shutdown::Write;
        match &self.stream {
            Stream::Unix(stream) => stream.shutdown(how)?,
            Stream::Tcp(stream) => stream.shutdown(how)?,
        }
        Ok(())
    }
}

/// The calls that most tests start with.
impl Client {
    /// `CreateGraph` of the type `Agent`.
    pub fn create_graph(&mut self, name: &str) -> Result<(), WireError> {
        let fields = [("graph_name", name.into()), ("graph_type", "Agent".into())];
        self.call(name, "CreateGraph", params(fields)).map(drop)
    }

    /// `AddNode` with these property bytes.
    pub fn add_node(&mut self, graph: &str, node: &str, properties: &[u8]) -> Result<(), WireError> {
        let fields = [("node_id", node.into()), ("properties_msgpack", bin(properties))];
        self.call(graph, "AddNode", params(fields)).map(drop)
    }

    /// `AddEdge` with these property bytes.
    pub fn add_edge(
        &mut self,
        graph: &str,
        source: &str,
        target: &str,
        props: &[u8],
    ) -> Result<(), WireError> {
        let fields =
            [("source_id", source.into()), ("target_id", target.into()), ("properties_msgpack", bin(props))];
        self.call(graph, "AddEdge", params(fields)).map(drop)
    }

    /// `BatchUpdate` with these operations (maps with an `op`); returns the counts.
    pub fn batch_update(&mut self, graph: &str, operations: Vec<Value>) -> Result<Value, WireError> {
        let payload = bin(pack(&Value::Array(operations)));
        self.call(graph, "BatchUpdate", params([("operations_msgpack", payload)]))
    }

    /// `GetNodeProperties`: the stored bytes, or nothing when the node is missing.
    pub fn node_properties(&mut self, graph: &str, node: &str) -> Result<Option<Vec<u8>>, WireError> {
        let answer = self.call(graph, "GetNodeProperties", params([("node_id", node.into())]))?;
        match answer.as_slice() {
            Some(bytes) => Ok(Some(bytes.to_vec())),
            None if answer.is_nil() => Ok(None),
            None => Err(WireError::Protocol(format!("GetNodeProperties: {answer}"))),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.read(buffer),
            Stream::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.write(bytes),
            Stream::Tcp(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
