//! The list of endpoints changes, and graphs move to their new owners.
//!
//! * `spelling`: texts that reach one shard and would place graphs as if they were two.
//! * `wanted`: a plan that is wanted. `gather` reads what every shard of both lists holds, running or stopped; the result is an
//!   `inventory`.
//! * `plan` decides what moves where, without any I/O; `model` is what it decides, as it is saved; `refusal` is why not.
//! * `estimate` says how long it will take.
//! * `apply` carries a plan out; `error` is why not.

mod apply;
mod error;
mod estimate;
mod gather;
mod inventory;
mod model;
mod plan;
mod refusal;
mod spelling;
mod wanted;

pub use apply::{
    Carried, Claim, Failed, FailedMove, Manner, NewProgress, Pauses, Progress, State, Summary, Task, Unseen,
    set_paused,
};
pub use error::ReshardError;
pub use estimate::Expected;
pub use gather::directories;
pub use inventory::Change;
pub use model::{Counts, Move, Pair, Plan, PlannedShard};
pub use refusal::{Code, PlanRefused, Refusal};
pub use wanted::Wanted;
