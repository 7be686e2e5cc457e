//! A log that goes to a unix socket: a datagram for each line, or lines on a stream.

use std::io::{self, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err as fs;

use crate::chain::{self, Head};
use crate::verify::FILE;
use crate::{Entry, Resumed};

/// A receiver that takes nothing for this long is none.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sends a log to a unix socket. How durable it is there, the receiver knows.
#[derive(Debug)]
pub struct AuditSocket {
    path: PathBuf,
    /// Where the last line is remembered across restarts.
    memory: Option<PathBuf>,
    head: Head,
    connected: Option<Connected>,
}

#[derive(Debug)]
enum Connected {
    Datagrams(UnixDatagram),
    Stream(UnixStream),
}

impl AuditSocket {
    /// Connects to the socket at `path`. The last line is remembered in the file `memory`, if it is given, so that the chain goes on
    /// after a restart; else it begins anew with each. Blocks.
    ///
    /// # Errors
    /// Nobody listens there, or what was remembered cannot be read.
    pub fn open(path: &Path, memory: Option<PathBuf>, now: u64) -> io::Result<(Self, Resumed)> {
        let head = match &memory {
            Some(file) if file.exists() => fs::read_to_string(file)?
                .parse()
                .map_err(|_| io::Error::other("it has no last line in it"))?,
            Some(_) | None => Head::default(),
        };
        let begun = Entry::new(FILE).detail(format!("follows line {head}"));
        let mut log = Self { path: path.to_owned(), memory, head, connected: None };
        log.append(&[begun], now)?;
        Ok((log, Resumed::default()))
    }

    /// Sends a line for each entry. Blocks. The sequence of the last line.
    ///
    /// # Errors
    /// One could not be sent; those before it were.
    pub fn append(&mut self, entries: &[Entry], now: u64) -> io::Result<u64> {
        for entry in entries {
            let (line, head) = chain::seal(&self.head, now, entry);
            self.send(line)?;
            self.head = head;
            if let Some(memory) = &self.memory {
                let new = memory.with_extension("new");
                fs::write(&new, format!("{}\n", self.head))?;
                fs::rename(new, memory)?;
            }
        }
        Ok(self.head.sequence)
    }

    fn send(&mut self, mut line: String) -> io::Result<()> {
        line.push('\n');
        if let Some(connected) = &mut self.connected
            && connected.send(&line).is_ok()
        {
            return Ok(());
        }
        // The receiver may be another one by now.
        let mut connected = Connected::to(&self.path)?;
        connected.send(&line)?;
        self.connected = Some(connected);
        Ok(())
    }
}

impl Connected {
    fn to(path: &Path) -> io::Result<Self> {
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("socket '{}': {error}", path.display()));
        let datagrams = UnixDatagram::unbound()?;
        datagrams.set_write_timeout(Some(PATIENCE))?;
        if datagrams.connect(path).is_ok() {
            return Ok(Self::Datagrams(datagrams));
        }
        let stream = UnixStream::connect(path).map_err(named)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self::Stream(stream))
    }

    fn send(&mut self, line: &str) -> io::Result<()> {
        match self {
            Self::Datagrams(socket) => socket.send(line.as_bytes()).map(drop),
            Self::Stream(stream) => stream.write_all(line.as_bytes()),
        }
    }
}
