//! A server as a child process: ours or a reference version, started, asked, killed and restarted.
//!
//! ```no_run
//! use epistemic_tests::ServerProcess;
//!
//! let mut server = ServerProcess::ours().tcp().start()?;
//! server.client()?.create_graph("g")?;
//! server.kill9()?;
//! let server = server.restart()?; // on the same directory
//! # Ok::<(), anyhow::Error>(())
//! ```

mod builder;
mod process;

pub use builder::ServerBuilder;
pub use process::{START_LIMIT, STOP_LIMIT, ServerProcess};

/// Computations of one graph that our server runs at the same time on this machine.
pub fn computations_of_one_graph() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| (2 * cores.get()).max(4) / 4).max(2)
}
