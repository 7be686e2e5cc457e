//! In place of following, where the server is built without object stores.

use std::{convert::Infallible, io, sync::Arc};

use super::Following;
use crate::{config::Config, expected_store::Expected, memory::Budget, open_store::Opened, shard::Shard};

pub(crate) struct Followed {
    pub(crate) following: Arc<Following>,
    never: Infallible,
}

pub(crate) fn open(_: &str, _: &Config, _: &Budget, _: &Expected) -> anyhow::Result<Opened> {
    anyhow::bail!("--follow: this server was built without its feature 'object-store'")
}

pub(crate) fn start(followed: Followed, _: &Arc<Shard>) -> io::Result<()> {
    match followed.never {}
}
