//! What a bench prints: a table for people or one JSON object for scripts.

use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::driver::Measured;

/// Above this share of one core the generator itself limits the throughput.
const SATURATED: f64 = 0.9;

/// Figures of one measured load.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) op: String,
    pub(super) endpoint: String,
    pub(super) connections: u32,
    pub(super) in_flight: u32,
    pub(super) seconds: f64,
    pub(super) done: u64,
    pub(super) busy: u64,
    pub(super) failed: u64,
    pub(super) ops_per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p90_us: f64,
    pub(super) p99_us: f64,
    pub(super) max_us: f64,
    /// User and system time of the server for each good answer; refused requests are in it.
    pub(super) server_cpu_us_per_op: Option<f64>,
    /// Cores the server used.
    pub(super) server_cores: Option<f64>,
    /// Cores the load generator used, at most 1.
    pub(super) client_cores: f64,
}

impl Report {
    /// Fills in the measured figures; the others describe the load.
    pub(super) fn new(
        op: String,
        endpoint: String,
        connections: u32,
        in_flight: u32,
        run: &Measured,
    ) -> Self {
        let seconds = run.elapsed.as_secs_f64();
        let micros = |nanos: u64| nanos as f64 / 1e3;
        let quantile = |q| micros(run.latency.value_at_quantile(q));
        let per_op = |cpu: Duration| cpu.as_secs_f64() * 1e6 / run.done as f64;
        Self {
            op,
            endpoint,
            connections,
            in_flight,
            seconds,
            done: run.done,
            busy: run.busy,
            failed: run.failed,
            ops_per_second: run.done as f64 / seconds,
            p50_us: quantile(0.5),
            p90_us: quantile(0.9),
            p99_us: quantile(0.99),
            max_us: micros(run.latency.max()),
            server_cpu_us_per_op: run.server_cpu.filter(|_| run.done > 0).map(per_op),
            server_cores: run.server_cpu.map(|cpu| cpu.as_secs_f64() / seconds),
            client_cores: run.client_cpu.as_secs_f64() / seconds,
        }
    }

    /// Writes the report to `out`.
    pub(super) fn print(&self, out: &mut impl Write, json: bool) -> Result<()> {
        if json {
            serde_json::to_writer(&mut *out, self)?;
            return Ok(writeln!(out)?);
        }
        writeln!(out, "{} on {}", self.op, self.endpoint)?;
        let load = format!("{} connections x {} in flight", self.connections, self.in_flight);
        writeln!(out, "  load         {load}, {:.2} s", self.seconds)?;
        writeln!(out, "  answers      {} good, {} BUSY, {} failed", self.done, self.busy, self.failed)?;
        writeln!(out, "  throughput   {:.0} ops/s", self.ops_per_second)?;
        writeln!(
            out,
            "  latency      p50 {:.0} us, p90 {:.0} us, p99 {:.0} us, max {:.0} us",
            self.p50_us, self.p90_us, self.p99_us, self.max_us
        )?;
        if let (Some(per_op), Some(cores)) = (self.server_cpu_us_per_op, self.server_cores) {
            writeln!(out, "  server CPU   {per_op:.2} us per request, {cores:.2} cores")?;
        }
        let limit = if self.client_cores > SATURATED { " (saturated: it limits the throughput)" } else { "" };
        writeln!(out, "  generator    {:.2} cores{limit}", self.client_cores)?;
        Ok(())
    }
}

/// Figures of a graph load.
#[derive(Serialize)]
pub(super) struct LoadReport {
    pub(super) graph: String,
    pub(super) nodes: u64,
    pub(super) edges: u64,
    pub(super) seconds: f64,
    /// Nodes and edges written per second.
    pub(super) items_per_second: f64,
}

impl LoadReport {
    /// Writes the report to `out`.
    pub(super) fn print(&self, out: &mut impl Write, json: bool) -> Result<()> {
        if json {
            serde_json::to_writer(&mut *out, self)?;
            return Ok(writeln!(out)?);
        }
        let Self { graph, nodes, edges, seconds, items_per_second } = self;
        writeln!(out, "loaded {nodes} nodes and {edges} edges into {graph:?} in {seconds:.2} s")?;
        Ok(writeln!(out, "  {items_per_second:.0} per second")?)
    }
}
