//! Looking at what graphs hold: one file per command.
//!
//! `source` opens the graph, wherever it is; `scan` goes through its nodes or edges.

mod edges;
mod export;
mod get;
mod labels;
mod load;
mod neighbors;
mod nodes;
mod row;
mod scan;
mod search;
mod source;

pub(super) use edges::{EdgesArgs, run as edges};
pub(super) use export::{ExportArgs, run as export};
pub(super) use get::{GetArgs, run as get};
pub(super) use labels::{LabelsArgs, run as labels};
pub(super) use load::{LoadArgs, run as load};
pub(super) use neighbors::{NeighborsArgs, run as neighbors};
pub(super) use nodes::{NodesArgs, run as nodes};
pub(super) use search::{SearchArgs, run as search};
pub(super) use source::FromArgs;
