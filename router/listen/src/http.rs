//! HTTP/1 with bounds: a client that is silent, slow or gone holds its place for a known time only.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use epistemic_tls::{FIRST_BYTE, ServerTls};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Origin, Place, Places};

/// Pause after an address could not be accepted from: others must close first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a client of an HTTP listener speaks.
#[derive(Debug, Clone)]
pub enum Transport {
    /// HTTP.
    Plain,
    /// HTTPS. Plain HTTP is answered with the error 400.
    Tls(ServerTls),
    /// Either of them.
    Either(ServerTls),
}

/// For a client that speaks HTTP where HTTPS is spoken.
const NOT_HTTPS: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 29\r\n\
                           connection: close\r\n\r\nthis port takes https:// only";

/// What a client of an HTTP listener may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
    /// Time for the headers of a request, and for a connection without one.
    pub headers: Duration,
    /// Time after which a connection ends with the answer that is under way.
    pub lifetime: Duration,
    /// Time that this answer may take then.
    pub last_answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            headers: Duration::from_secs(10),
            lifetime: Duration::from_secs(60),
            last_answer: Duration::from_secs(30),
        }
    }
}

/// Serves `routes` until `stop` comes, then takes no more connections and answers what has begun. The caller bounds the
/// time of that. A connection that cannot be accepted is tried again.
pub async fn serve(
    listener: TcpListener,
    transport: Transport,
    routes: Router,
    limits: Limits,
    stop: impl Future<Output = ()> + Send,
) {
    let places = Places::new(limits.connections, limits.connections);
    let (stopping, connections) = (CancellationToken::new(), TaskTracker::new());
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, place)) => {
                let (transport, routes, stopping) = (transport.clone(), routes.clone(), stopping.clone());
                connections.spawn(begin(stream, transport, place, routes, limits, stopping));
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    stopping.cancel();
    connections.close();
    connections.wait().await;
}

async fn accept(listener: &TcpListener, places: &Arc<Places>) -> io::Result<(TcpStream, Place)> {
    let (stream, peer) = listener.accept().await?;
    Ok((stream, places.take(Origin::of(peer)).await))
}

/// Serves a connection by what it begins with.
async fn begin(
    stream: TcpStream,
    transport: Transport,
    place: Place,
    routes: Router,
    limits: Limits,
    stopping: CancellationToken,
) {
    let (tls, plain) = match transport {
        Transport::Plain => return connection(stream, place, routes, limits, stopping).await,
        Transport::Tls(tls) => (tls, false),
        Transport::Either(tls) => (tls, true),
    };
    let mut first = [0];
    match in_time(&place, limits, stream.peek(&mut first)).await {
        None | Some(0) => {}
        Some(_) if first[0] == FIRST_BYTE => {
            if let Some(secure) = in_time(&place, limits, tls.accept(stream)).await {
                connection(secure.stream, place, routes, limits, stopping).await;
            }
        }
        Some(_) if plain => connection(stream, place, routes, limits, stopping).await,
        Some(_) => {
            in_time(&place, limits, refuse(stream)).await;
        }
    }
}

/// What a step at the beginning of a connection comes to; none when it fails, takes too long or has to give way.
async fn in_time<T>(place: &Place, limits: Limits, step: impl Future<Output = io::Result<T>>) -> Option<T> {
    tokio::select! {
        done = timeout(limits.headers, step) => match done {
            Ok(Ok(done)) => Some(done),
            Ok(Err(error)) => {
                tracing::debug!(%error, "connection ended before its first request");
                None
            }
            Err(_) => None,
        },
        () = place.pushed_out() => None,
    }
}

/// Says what is wrong. Closing over unread bytes would throw it away.
async fn refuse(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(NOT_HTTPS).await?;
    stream.shutdown().await?;
    let mut passed_over = [0; 1024];
    while stream.read(&mut passed_over).await? > 0 {}
    Ok(())
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    place: Place,
    routes: Router,
    limits: Limits,
    stopping: CancellationToken,
) {
    let place = Arc::new(place);
    let at_work = Arc::clone(&place);
    let routes = routes.layer(from_fn(move |request: Request, next: Next| {
        let place = Arc::clone(&at_work);
        async move {
            place.work();
            let response = next.run(request).await;
            place.rest();
            response
        }
    }));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    tokio::pin!(served);
    tokio::select! {
        _ = served.as_mut() => return,
        () = place.pushed_out() => return,
        () = stopping.cancelled() => {}
        () = sleep(limits.lifetime) => {}
    }
    served.as_mut().graceful_shutdown();
    // Whatever it ends with, the client is gone.
    let _ = timeout(limits.last_answer, served).await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LIMITS: Limits = Limits {
        connections: 3,
        headers: Duration::from_millis(300),
        lifetime: Duration::from_millis(900),
        last_answer: Duration::from_millis(300),
    };

    async fn start() -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let large = "x".repeat(64 << 20);
        let routes =
            Router::new().route("/", get(|| async { "ok" })).route("/large", get(|| async { large }));
        tokio::spawn(serve(listener, Transport::Plain, routes, LIMITS, std::future::pending()));
        address
    }

    /// Everything until the server closes.
    async fn ask(address: std::net::SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // A connection that is cut off may be reset.
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    const GET: &str = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

    #[tokio::test]
    async fn silent_slow_and_idle_clients_are_let_go() {
        let address = start().await;
        for request in ["", "GET / HT", GET] {
            let answer = timeout(Duration::from_secs(5), ask(address, request)).await;
            let answer = answer.unwrap_or_else(|_| panic!("{request:?} holds its connection"));
            assert_eq!(answer.ends_with("ok"), request == GET, "{answer}");
        }
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_let_go() {
        let address = start().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        sleep(LIMITS.lifetime + LIMITS.last_answer * 3).await;
        let mut answer = Vec::new();
        let _ =
            timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await.expect("it was cut off");
        assert!(answer.len() < 64 << 20);
    }

    #[tokio::test]
    async fn a_flood_of_silent_clients_does_not_keep_others_out() {
        let address = start().await;
        let mut flood = Vec::new();
        for _ in 0..30 {
            flood.push(TcpStream::connect(address).await.unwrap());
        }
        let last = GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        let answer = timeout(LIMITS.headers / 2, ask(address, &last)).await;
        assert!(answer.expect("it is answered before the others are let go").ends_with("ok"));
    }
}
