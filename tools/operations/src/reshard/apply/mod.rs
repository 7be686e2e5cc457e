//! Carrying a plan out.
//!
//! * `state` is the directory that keeps all of it; `outcome` is what became of a graph, read off the journal.
//! * `carry` goes from the beginning to the end, or gives the moves up; `check` compares the plan with what is there, at the
//!   beginning and at the end.
//! * `run` reserves all names and moves the graphs; `leave` has the sources drop what left; `queue` says which is next;
//!   `places` are the parties of the moves; `progress` is how that is seen; `summary` is what it came to.

mod carry;
mod check;
mod leave;
mod outcome;
mod places;
mod progress;
mod queue;
mod run;
mod state;
mod summary;
#[cfg(test)]
mod tests;

pub use carry::{Carried, Manner};
pub use progress::{NewProgress, Progress, Unseen};
pub use run::Failed;
pub use state::{Claim, State, Task, set_paused};
pub use summary::{FailedMove, Pauses, Summary};
