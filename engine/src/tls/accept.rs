//! The beginning of a TCP connection where there is a certificate: TLS or plain, and the handshake.

use std::{io, sync::Arc};

use epistemic_listen::Place;
use epistemic_logging::Limit;
use epistemic_protocol::ErrorCode;
use epistemic_tls::{FIRST_BYTE, Handshake};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, timeout},
};

use super::TlsMode;
use crate::{
    audit,
    connection::{self, LINGER},
    metrics::Refused,
    sessions::{Peer, Transport},
    shard::Shard,
    unauthenticated::Charge,
    wire::response,
};

/// For a handshake, if `--frame-deadline` is not less.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// What a connection takes until its handshake is over.
const HANDSHAKE_BYTES: usize = 24 << 10;

/// Serves a connection of a shard with a certificate as it begins: by TLS, or plain where that is allowed.
pub(crate) async fn serve(shard: Arc<Shard>, stream: TcpStream, place: Place, peer: String) {
    match first_byte(&shard, &stream, &place).await {
        None => {}
        Some(FIRST_BYTE) => match handshake(&shard, stream, &place, &peer).await {
            None => {}
            Some(Handshake { stream, principal }) => {
                shard.metrics.tls.connected(true);
                let origin = place.origin();
                let peer = Peer { origin, address: peer, transport: Transport::Tls, certificate: principal };
                connection::serve(shard, stream, place, peer).await;
            }
        },
        Some(_) if shard.tls.mode == TlsMode::Allow => {
            shard.metrics.tls.connected(false);
            let peer =
                Peer { origin: place.origin(), address: peer, transport: Transport::Tcp, certificate: None };
            connection::serve(shard, stream, place, peer).await;
        }
        Some(_) => {
            shard.metrics.tls.refused(Refused::Plain);
            tell(&peer, "it is not under TLS (--tls require)");
            if let Err(error) = refuse(stream).await {
                tracing::debug!(%error, "connection ended");
            }
        }
    }
}

/// The first byte of a connection, left where it is; none when the connection has to go. Whoever says nothing may stay as
/// without TLS.
async fn first_byte(shard: &Shard, stream: &TcpStream, place: &Place) -> Option<u8> {
    let mut byte = [0];
    loop {
        tokio::select! {
            peeked = timeout(shard.limits.frame_deadline, stream.peek(&mut byte)) => match peeked {
                Ok(Ok(1..)) => return Some(byte[0]),
                Ok(Ok(0) | Err(_)) => return None,
                Err(_) if shard.places.crowded() => return None,
                Err(_) => {}
            },
            () = place.pushed_out() => return None,
            () = shard.stop.cancelled() => return None,
        }
    }
}

async fn handshake(
    shard: &Arc<Shard>,
    stream: TcpStream,
    place: &Place,
    peer: &str,
) -> Option<Handshake<TcpStream>> {
    let certificates = shard.tls.certificates.as_ref()?;
    let mut charge = Charge::new(&shard.unauthenticated);
    if !charge.set(HANDSHAKE_BYTES) {
        shard.places.make_room();
    }
    let limit = HANDSHAKE.min(shard.limits.frame_deadline);
    let failure = tokio::select! {
        done = timeout(limit, certificates.shard.accept(stream)) => match done {
            Ok(Ok(handshake)) => return Some(handshake),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it takes longer than {limit:?}"),
        },
        () = place.pushed_out() => "others needed its place".to_owned(),
        () = shard.stop.cancelled() => return None,
    };
    shard.metrics.tls.refused(Refused::Handshake);
    tell(peer, &failure);
    audit::no_handshake(shard, place.origin(), peer, &failure);
    None
}

/// Tells a client why its connection ends. It may still be sending.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let code = ErrorCode::TlsRequired;
    let text = format!("{code}: this port takes TLS only, and no request without it ({code:#})");
    let mut answer = Vec::new();
    response::error(&mut answer, 0, &text).map_err(io::Error::other)?;
    let told = async {
        stream.write_all(&answer).await?;
        stream.shutdown().await?;
        let mut passed_over = [0; 1024];
        while stream.read(&mut passed_over).await? > 0 {}
        Ok(())
    };
    timeout(LINGER, told).await.unwrap_or(Ok(()))
}

/// Anybody who can connect can cause this line.
fn tell(peer: &str, reason: &str) {
    static LINES: Limit = Limit::new(5, Duration::from_secs(60));
    if let Some(left_out) = LINES.admit() {
        tracing::info!(peer, left_out, "connection refused: {reason}");
    }
}
