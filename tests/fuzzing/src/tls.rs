//! The beginning of a connection to a port with a certificate.

use std::sync::OnceLock;

use epistemic_engine::wire::frame::body_length;
use epistemic_tests::certs::Authority;
use epistemic_tls::{FIRST_BYTE, Identity, SHARD_PROTOCOL, ServerFiles, ServerTls};
use tokio::io::{join, sink};
use tokio::runtime::{Builder, Runtime};

/// Bytes of a frame that a server takes from anybody: far less than this.
const MOST: usize = 256 << 20;

/// By its first byte a connection is TLS, or begins with the frame of a request, never both; and no handshake that is not one
/// is taken for done.
pub fn tls_peek(data: &[u8]) -> bool {
    if data.first() != Some(&FIRST_BYTE) {
        return body_length(data, MOST).is_ok_and(|length| length.is_some());
    }
    assert!(data.len() < 4 || body_length(data, MOST).is_err(), "a frame that is taken for TLS");
    let (runtime, server) = server();
    // What the client sends is all there is, so no client can know what its handshake needs.
    let done = runtime.block_on(server.accept(join(data, sink())));
    assert!(done.is_err(), "a handshake without the other side");
    true
}

fn server() -> &'static (Runtime, ServerTls) {
    static SERVER: OnceLock<(Runtime, ServerTls)> = OnceLock::new();
    SERVER.get_or_init(|| {
        let made = || {
            let authority = Authority::new()?;
            let pair = authority.server("shard", &["localhost"])?;
            let files =
                ServerFiles { identity: Identity { cert: pair.cert, key: pair.key }, client_ca: None };
            let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
            Ok::<_, Box<dyn std::error::Error>>((runtime, ServerTls::open(files, SHARD_PROTOCOL)?))
        };
        made().unwrap_or_else(|error| panic!("a server with a certificate: {error}"))
    })
}
