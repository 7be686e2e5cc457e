//! Test harness of the shard tier: it starts servers as separate processes and talks to them over sockets.
//!
//! Nothing of the product is linked in, so every test sees what a client sees and a crash of a server is
//! never a crash of the test. The parts:
//!
//! - [`server`]: start, stop, kill and restart our server or a reference wheel ([`ServerProcess`]);
//! - [`wire`]: a blocking client that can also send broken frames ([`Client`], [`Request`]);
//! - [`egctl`]: the operator's tool, with no configuration but the test's ([`Egctl`]);
//! - [`http`] and [`python`]: a `GET` for `/metrics`, and scripts under a real Python client;
//! - [`seaweed`]: a cluster that keeps objects twice, on disk;
//! - [`s3`] and [`proxy`]: an S3-compatible server, and requests to it that go wrong; [`frames`]: the same of a shard;
//! - [`certs`]: a CA and certificates, right and wrong ones;
//! - [`gateway`] and [`browser`]: the gateway, and headless Chromium to see its page with; [`fake_gateway`]: the page over
//!   made-up answers, for what a real tier takes long to become;
//! - [`crash`]: writers with an expected-state log, and the check after `kill -9`;
//! - [`history`]: clients that record all they read and write, and the check that it is strictly serialisable;
//! - [`transfer`] and [`memory`]: graphs of any size, snapshots over the wire, and the memory of a process;
//! - [`powercut`]: a recording preload, and the directory as a power cut would leave it;
//! - [`ports`]: ports that no other test is given;
//! - [`disk`]: a small file system to fill up;
//! - [`cgroup`]: a limit of memory, as containers have it;
//! - [`faults`] and [`clock`]: system calls that fail at random, a wall clock that is wrong;
//! - [`preload`]: compiles such a library; [`shared`]: finds the contract recordings and this package;
//! - [`wait`]: polling with a deadline;
//! - [`seed`]: a printed seed for everything random; [`mutate`]: bytes changed at random; [`scratch`]: folders that a long run keeps when it fails.
//!
//! | Variable | Meaning | Default |
//! |---|---|---|
//! | `EG_BIN_DIR` | folder with `epistemic-graph-server`, `epistemic-graph-gateway` and `egctl` | parent of the test executable's folder |
//! | `EG_VENVS` | folder with one Python environment per reference version | `~/.cache/epistemic-graph/venvs` |
//! | `EG_SEED` | repeats a run | random, printed |
//! | `EG_KEEP` | keeps the data directories of torture tests | they are removed |
//! | `EG_CRASH_ROUNDS` | rounds of the `kill -9` test | 25 |
//! | `EG_HISTORY_SECONDS` | how long each test of histories goes on | 6 |
//! | `EG_LARGE_ROUNDS` | kills while large graphs are written | 15 |
//! | `EG_MOVE_ROUNDS` | times that each party of a move is killed at each step | 1 |
//! | `EG_MOVE_SEEDS` | moves that are disturbed at random | 200 |
//! | `EG_MOVE_PAUSES` | moves of a graph of 100,000 nodes under writers | 3 |
//! | `EG_ONCE_GRAPHS` | pairs of graphs of the test of computed writes at once | 240 |
//! | `EG_POWER_CUTS` | power cuts per mode | 12 |
//! | `EG_RESTART_CUTS` | power cuts in starts, most of them in a start after such a cut | 24 |
//! | `EG_START_KILLS` | kills in starts | 24 |
//! | `EG_FUZZ_REQUESTS` | changed requests that a server gets | 60000 |
//! | `EG_FUZZ_SECONDS` | for each target of `tests/fuzzing` | 2 |
//! | `EG_FAULT_ROUNDS` | rounds of servers, and of `egctl`, whose system calls fail | 6 |
//! | `EG_CLOCK_ROUNDS` | rounds of writers on a shard whose clock is stepped | 2 |
//! | `EG_GRAPHS` | graphs of the test of many graphs | 5000 |
//! | `EG_RESHARD_GRAPHS` | graphs of the reshard under load | 200 |
//! | `EG_SNAPSHOT_NODES` | nodes and edges of the test of snapshot memory | 200000 |
//! | `EG_OUTAGE_SECONDS` | how long the object store of a shard hangs | 6 |
//! | `EG_STORE_PROGRAMS` | random programs on each object store | 2 |
//! | `EG_STORE_ROUNDS` | rounds of the `kill -9` test on a directory and on SeaweedFS | 4 |
//! | `EG_SHARED` | folder with the contract recordings: `vectors` and `replay.py` | `../shared` beside the repository |

pub mod binaries;
pub mod browser;
pub mod certs;
pub mod cgroup;
pub mod clock;
pub mod crash;
pub mod disk;
pub mod egctl;
pub mod fake_gateway;
pub mod faults;
pub mod frames;
pub mod gateway;
pub mod history;
pub mod http;
pub mod memory;
pub mod mutate;
pub mod ports;
pub mod powercut;
pub mod preload;
pub mod proxy;
pub mod python;
pub mod s3;
pub mod scratch;
pub mod seaweed;
pub mod seed;
pub mod server;
pub mod shared;
pub mod transfer;
pub mod wait;
pub mod wire;

pub use egctl::Egctl;
pub use server::{ServerBuilder, ServerProcess};
pub use wire::{Client, Endpoint, Request, Value, WireError};
