//! The sockets that connections are served on.

use tokio::{
    io::{AsyncRead, AsyncWrite, Interest},
    net::{TcpStream, UnixStream},
};
use tokio_rustls::server::TlsStream;

/// A connected socket.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin {
    /// Waits until the client has ended its side or the connection is broken, also while bytes from before that are
    /// still unread. Reading tells more.
    fn ended(&self) -> impl Future<Output = ()> + Send;
}

/// Ready for this without being readable: only that the other side is closed.
const END: Interest = Interest::PRIORITY;

impl Stream for TcpStream {
    async fn ended(&self) {
        // An error ends it, too.
        let _ = self.ready(END).await;
    }
}

impl Stream for TlsStream<TcpStream> {
    async fn ended(&self) {
        self.get_ref().0.ended().await;
    }
}

impl Stream for UnixStream {
    async fn ended(&self) {
        let _ = self.ready(END).await;
    }
}
