//! Places that graphs are at, as moves, backups and reshards use them: a running shard, or a directory without a server.
//!
//! * `party` is what is asked of a place, whatever it is; `shard`: a running shard; `directory`: a store that this process has
//!   to itself; `hooked`: one for tests that sees every call.
//! * `place` is where a store lies that is read without its server; `stopped` opens the persist directory of a stopped server, or
//!   a checkpoint; `error` is why not.
//! * `credentials`: how to be let in by running shards.

mod credentials;
mod directory;
mod error;
#[cfg(test)]
mod hooked;
mod party;
mod place;
mod shard;
mod stopped;

pub use credentials::Credentials;
pub(crate) use directory::Stream;
pub use directory::{DirectoryParty, stats_of};
pub use error::DirectoryRefused;
#[cfg(test)]
pub(crate) use hooked::{Hook, Hooked};
pub use party::{
    Admission, Changed, Content, Export, Filling, GivenUp, Look, Outcome, Overtaken, Party, Refusal,
    StandingName, Status, is_aborted, is_late, is_overtaken, is_silent, is_truncated,
};
pub use place::{RemotePlace, StorePlace};
pub use shard::ShardParty;
pub use stopped::{Directory, in_use, must_be_owner, must_exist, open_store_writable, own};
