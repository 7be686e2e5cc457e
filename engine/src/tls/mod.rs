//! TLS on the port of the protocol and on that of metrics.
//!
//! `flags` says which files and how strictly, `accept` tells TLS and plain connections apart and makes the handshake. Why it is so: `docs/decisions/0050-tls.md`.

mod accept;
mod flags;

use std::sync::atomic::{AtomicBool, Ordering};

use epistemic_listen::Transport;
use epistemic_tls::{FileError, ServerTls};

pub(crate) use accept::serve;
pub(crate) use flags::{TlsFlags, TlsMode};

/// What a shard does about TLS.
pub(crate) struct Tls {
    pub(crate) mode: TlsMode,
    /// Present with a certificate.
    pub(crate) certificates: Option<Certificates>,
    /// TCP is served in the clear beyond loopback.
    exposed: AtomicBool,
}

/// The same certificate, as the two kinds of ports show it.
pub(crate) struct Certificates {
    pub(crate) shard: ServerTls,
    pub(crate) http: ServerTls,
}

impl Tls {
    /// Reads the files of the flags. Blocks.
    pub(crate) fn open(flags: &TlsFlags) -> Result<Self, FileError> {
        let certificates = flags.open()?;
        Ok(Self { mode: flags.tls, certificates, exposed: AtomicBool::new(false) })
    }

    /// The servers that have the certificate.
    pub(crate) fn servers(&self) -> Vec<ServerTls> {
        let all = self.certificates.iter().flat_map(|both| [&both.shard, &both.http]);
        all.cloned().collect()
    }

    /// How HTTP is served.
    pub(crate) fn http(&self) -> Transport {
        match (&self.certificates, self.mode) {
            (None, _) => Transport::Plain,
            (Some(certificates), TlsMode::Allow) => Transport::Either(certificates.http.clone()),
            (Some(certificates), TlsMode::Require) => Transport::Tls(certificates.http.clone()),
        }
    }

    /// The protocol is listened for on this address.
    pub(crate) fn listens_on(&self, address: std::net::SocketAddr) {
        let exposed = self.mode == TlsMode::Allow && !address.ip().to_canonical().is_loopback();
        self.exposed.store(exposed, Ordering::Relaxed);
        if exposed {
            let how = if self.certificates.is_some() { "--tls require" } else { "--tls-cert, --tls-key" };
            tracing::warn!(
                "SECURITY: {address} is no loopback address and takes connections without TLS: whoever is on the way reads and \
                 changes what is sent; give {how}, or listen on loopback"
            );
        }
    }

    /// Whether requests may come in the clear from other machines.
    pub(crate) fn is_exposed(&self) -> bool {
        self.exposed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_tcp_is_told_beyond_loopback_unless_tls_is_required() {
        let exposed = |mode: TlsMode, address: &str| {
            let tls = Tls { mode, certificates: None, exposed: AtomicBool::new(false) };
            tls.listens_on(address.parse().unwrap());
            tls.is_exposed()
        };
        for address in ["0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[2001:db8::1]:1", "[::ffff:10.0.0.1]:1"] {
            assert!(exposed(TlsMode::Allow, address) && !exposed(TlsMode::Require, address), "{address}");
        }
        for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(!exposed(TlsMode::Allow, address), "{address}");
        }
    }
}
