//! `egctl bench`: a closed-loop load generator for any server of the wire protocol.
//!
//! One thread drives all connections through epoll, because it shares its cores with the server under test.
//! Request frames are encoded before the measured phase; sending one patches the node numbers in place.
//!
//! * `args` the command line, `run` the command itself, `report` what it prints
//! * `wire` endpoints, tokens and a small blocking client for the preparation
//! * `template` pre-encoded frames, `workload` which frames an operation sends
//! * `driver` the event loop, `connection` one connection's window, `answer` reading responses
//! * `population` the nodes and edges that reads need, also `egctl bench load-graph`
//! * `cpu` processor time of a process

mod answer;
mod args;
mod connection;
mod cpu;
mod driver;
#[cfg(test)]
mod driver_tests;
mod population;
mod report;
mod run;
mod template;
mod wire;
mod workload;

pub(crate) use args::BenchArgs;
pub(crate) use run::run;
