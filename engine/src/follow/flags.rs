//! Flags and variables of a read replica.

/// Flags about following a store that another server owns.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct FollowFlags {
    /// Prefix of the object store of another server, as its --store: follow it and answer reads, without taking it over. Writes are
    /// refused with where the owner is (docs/replicas.md)
    #[arg(
        long, env = "GRAPH_SERVICE_FOLLOW", value_name = "URL", 
        conflicts_with_all = ["persist_dir", "store", "standby", "take_over"]
    )]
    pub follow: Option<String>,

    /// With --follow: milliseconds between two looks whether the owner has committed something, each a request to the object store
    #[arg(
        long, default_value_t = 500, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(10..=60_000)
    )]
    pub follow_interval: u64,

    /// With --follow: seconds after which reads are refused, when the last look that found everything is so long ago. More than two
    /// intervals
    #[arg(
        long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub max_staleness: u64,
}

impl FollowFlags {
    /// # Errors
    /// What does not fit together, for standard error.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.follow.is_some() && self.max_staleness * 1000 <= 2 * self.follow_interval {
            return Err("--max-staleness has to be more than two times --follow-interval: reads would be refused between \
                        two looks"
                .into());
        }
        Ok(())
    }
}
