//! Ports for the processes that tests start.
//!
//! A port that the system gave and took back may be given to somebody else before the process that was told of it listens: to
//! another test's server, or to any outgoing connection. So ports come from below the range that the system takes from, and a
//! test process takes them from a block that it has to itself while it runs: it holds the lock of a file.

use std::fs::{File, TryLockError};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Mutex;

use anyhow::{Context, Result, bail};

const FIRST: u16 = 18_000;
const LAST: u16 = 31_999;
const BLOCK: u16 = 50;
const BLOCKS: u16 = (LAST + 1 - FIRST) / BLOCK;

/// The ports of this process.
struct Block {
    first: u16,
    given: u16,
    _lock: File,
}

static OURS: Mutex<Option<Block>> = Mutex::new(None);

/// A loopback address whose port nobody listens on, and no other test process is given.
///
/// # Errors
/// All ports are taken.
pub fn free_loopback_addr() -> Result<SocketAddr> {
    let mut ours = OURS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let block = match &mut *ours {
        Some(block) => block,
        none => none.insert(Block::take()?),
    };
    for _ in 0..BLOCK {
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, block.first + block.given));
        block.given = (block.given + 1) % BLOCK;
        if TcpListener::bind(addr).is_ok() {
            return Ok(addr);
        }
    }
    bail!("each of the {BLOCK} ports of this process is in use")
}

impl Block {
    fn take() -> Result<Self> {
        let folder = std::env::temp_dir().join("epistemic-graph-test-ports");
        fs_err::create_dir_all(&folder)?;
        // Those who come at the same time begin at different places.
        let begin = (std::process::id() % u32::from(BLOCKS)) as u16;
        for block in (begin..BLOCKS).chain(0..begin) {
            let first = FIRST + block * BLOCK;
            let path = folder.join(first.to_string());
            let lock =
                fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(path)?.into_file();
            match lock.try_lock() {
                Ok(()) => return Ok(Self { first, given: 0, _lock: lock }),
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error).context("the lock of a block of ports"),
            }
        }
        bail!("each block of ports {FIRST} to {LAST} belongs to a test process that runs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice_and_none_that_is_in_use() -> Result<()> {
        let first = free_loopback_addr()?;
        let taken = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, first.port() + 1)));
        let second = free_loopback_addr()?;
        assert_ne!(first, second);
        if let Ok(taken) = taken {
            assert_ne!(taken.local_addr()?, second);
        }
        let other = Block::take()?;
        assert_ne!(other.first, first.port() / BLOCK * BLOCK, "a block belongs to two");
        Ok(())
    }
}
