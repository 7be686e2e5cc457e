//! The server program.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

/// Also that of RocksDB. Unlike glibc's it gives memory back after a storm of large requests.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    epistemic_engine::server::main()
}
