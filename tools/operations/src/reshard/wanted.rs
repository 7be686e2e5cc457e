//! A plan that is wanted.

use anyhow::Result;
use epistemic_router::{Affinity, EndpointList, must_have_schemes};
use tokio::runtime::Runtime;

use super::gather::{directories, gather};
use super::inventory::Change;
use super::model::Plan;
use super::plan::plan;
use super::refusal::Refusal;
use super::spelling;
use crate::hosts::Credentials;

/// What a plan is wanted for.
pub struct Wanted<'w> {
    /// The list so far.
    pub from: &'w EndpointList,
    /// The list from now on.
    pub to: &'w EndpointList,
    /// Further groups of graphs that are placed together.
    pub affinity_groups: Option<&'w str>,
    /// Shards that are read from a directory, as `ENDPOINT=PATH`.
    pub directories: &'w [String],
    /// Most bytes per second that the moves will take.
    pub rate_limit: Option<u64>,
    /// To be let in by running shards.
    pub credentials: &'w Credentials,
}

impl Wanted<'_> {
    /// Reads all shards and plans. The outer error is about what is wanted, the inner one about the shards. Blocks.
    pub fn plan(&self, runtime: &Runtime) -> Result<Result<Plan, Vec<Refusal>>> {
        must_have_schemes(self.from)?;
        must_have_schemes(self.to)?;
        let change = self.change()?;
        let refusals = spelling::check(&change);
        if !refusals.is_empty() {
            return Ok(Err(refusals));
        }
        let directories = directories(&change, self.directories)?;
        let shards = gather(&change, &directories, self.credentials, runtime)?;
        let planned = shards.and_then(|shards| plan(&change, &shards, self.rate_limit));
        let affinity_groups = self.affinity_groups.map(str::to_owned);
        Ok(planned.map(|plan| Plan { affinity_groups, ..plan }))
    }

    /// The change of lists.
    pub fn change(&self) -> Result<Change> {
        let affinity = Affinity::resolve(|_| self.affinity_groups.map(str::to_owned))?;
        Ok(Change { from: self.from.clone(), to: self.to.clone(), affinity })
    }
}
