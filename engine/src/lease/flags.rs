//! Flags and variables about the lease.

/// Flags about who serves a store that several processes could.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct LeaseFlags {
    /// With --store: wait until the server that has the store ends, then take over. Until then requests are answered with who that is
    #[arg(long, requires = "store", conflicts_with = "take_over")]
    pub standby: bool,

    /// With --store: take the store from the server that has it, which ends with exit code 5
    #[arg(long, requires = "store")]
    pub take_over: bool,

    /// With --store: where clients reach this very process, which stand-bys and refused servers tell of. Not the name that moves
    /// with the shard [default: --tcp-addr, with the name of the host for 0.0.0.0, or else the unix socket]
    #[arg(long, env = "GRAPH_SERVICE_OWN_ENDPOINT", requires = "store", value_name = "ENDPOINT")]
    pub own_endpoint: Option<String>,
}
