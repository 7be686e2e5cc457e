//! Where a connection comes from, as far as one stranger can be told from another.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// An origin that has its own share of what strangers may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// An address; of IPv6 a network of 64 bits, as one host has all of it.
    Address(IpAddr),
    /// A user of this machine, by number, over a unix socket.
    User(u32),
}

impl Origin {
    /// That of a connection over TCP.
    pub fn of(peer: SocketAddr) -> Self {
        match peer.ip().to_canonical() {
            address @ IpAddr::V4(_) => Origin::Address(address),
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Origin::Address(Ipv6Addr::from(network).into())
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Address(IpAddr::V6(network)) => write!(f, "{network}/64"),
            Origin::Address(address) => write!(f, "{address}"),
            Origin::User(number) => write!(f, "uid {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_is_one_origin() {
        let of = |text: &str| Origin::of(text.parse().expect("an address")).to_string();
        assert_eq!(of("10.1.2.3:4"), "10.1.2.3");
        assert_eq!(of("[::ffff:10.1.2.3]:4"), "10.1.2.3");
        assert_eq!(of("[2001:db8:1:2:3:4:5:6]:7"), "2001:db8:1:2::/64");
    }
}
