//! Who may have how many of the process's file descriptors, so that connections never take those that the store needs:
//! RocksDB does not go on by itself after a log that could not be opened.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Log, listeners, locks, the store's log and manifest, what a flush, a merge and a checkpoint open for a moment.
const OWN: u64 = 48;
/// From this limit on there is no need to be careful with tables: half of it.
const PLENTY: u64 = 65_536;
/// HTTP connections, if a share of an eighth allows so many.
const MOST_HTTP: u64 = 64;
/// Files with answers of slow clients, if a share of an eighth allows so many.
const MOST_SPOOLED: u64 = 256;

/// Shares of the descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Table files that are kept open; none is no bound.
    pub(crate) tables: Option<u32>,
    /// Connections of clients.
    pub(crate) connections: usize,
    /// Connections to the HTTP address.
    pub(crate) http: usize,
    /// Files with answers of slow clients.
    pub(crate) spooled: usize,
}

/// Raises the soft limit to the hard one and divides it.
pub(crate) fn shares() -> Shares {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
    let limit = getrlimit(Resource::Nofile).current;
    let shares = divide(limit.unwrap_or(u64::MAX));
    if shares.connections < 64 {
        tracing::warn!(
            limit,
            connections = shares.connections,
            "the limit of open files is low: raise it (ulimit -n, LimitNOFILE=) to serve more connections at a time"
        );
    }
    shares
}

fn divide(limit: u64) -> Shares {
    let free = limit.saturating_sub(OWN);
    let tables = (free / 2).max(20);
    let http = (free / 16).clamp(2, MOST_HTTP);
    let spooled = (free / 16).clamp(2, MOST_SPOOLED);
    let connections = free.saturating_sub(tables + http + spooled).max(8);
    Shares {
        tables: (limit < PLENTY).then(|| u32::try_from(tables).unwrap_or(u32::MAX)),
        connections: usize::try_from(connections.min(1 << 20)).unwrap_or(1 << 20),
        http: http as usize,
        spooled: spooled as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_never_add_up_to_more_than_there_is() {
        for limit in [128, 160, 256, 1024, 20_000, 65_535, 65_536, 1 << 20] {
            let Shares { tables, connections, http, spooled } = divide(limit);
            let sum =
                OWN + tables.map_or((limit - OWN) / 2, u64::from) + (connections + http + spooled) as u64;
            assert!(sum <= limit, "{limit}: {sum}");
            assert!(connections >= 20 && http >= 2, "{limit}: {connections}, {http}");
        }
        assert_eq!(divide(160), Shares { tables: Some(56), connections: 42, http: 7, spooled: 7 });
        assert_eq!(divide(u64::MAX).connections, 1 << 20);
    }
}
