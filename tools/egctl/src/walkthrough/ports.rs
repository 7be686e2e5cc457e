//! Loopback ports for the shards.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// Number of shards.
pub(super) const SHARDS: usize = 3;

/// The published example's ports for requests.
pub(super) const PUBLISHED: [u16; SHARDS] = [9101, 9102, 9103];
const PUBLISHED_METRICS: [u16; SHARDS] = [9111, 9112, 9113];

/// Ports to use.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) requests: [u16; SHARDS],
    pub(super) metrics: [u16; SHARDS],
}

/// The published ports, each group replaced by other free ones when one of it is taken.
pub(super) fn choose() -> io::Result<Ports> {
    Ok(Ports { requests: free_or_other(PUBLISHED)?, metrics: free_or_other(PUBLISHED_METRICS)? })
}

/// Ports of a shard that joins later, for requests and metrics: free ones.
pub(super) fn one_more() -> io::Result<(u16, u16)> {
    let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    // Both are held at once, so that they differ.
    let (requests, metrics) = (any()?, any()?);
    Ok((requests.local_addr()?.port(), metrics.local_addr()?.port()))
}

fn free_or_other(wanted: [u16; SHARDS]) -> io::Result<[u16; SHARDS]> {
    if wanted.iter().all(|port| is_free(*port)) {
        return Ok(wanted);
    }
    // All are held at once, so that they differ.
    let held: Vec<_> =
        (0..SHARDS).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<io::Result<_>>()?;
    let mut ports = [0; SHARDS];
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Whether nobody listens on it; `localhost` may mean either address.
fn is_free(port: u16) -> bool {
    let v4 = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let v6 = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    v4.is_ok() && !v6.is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_moves_its_group() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        assert!(!is_free(taken));
        let ports = free_or_other([taken; SHARDS]).unwrap();
        assert!(!ports.contains(&taken));
        assert!(ports[0] != ports[1] && ports[1] != ports[2] && ports[0] != ports[2]);
    }
}
