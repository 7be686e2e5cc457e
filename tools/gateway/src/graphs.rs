//! The graphs of all shards.

use super::Gateway;
use super::watch::Graphs;

impl Gateway {
    /// The graphs of every shard, all asked at once.
    pub(super) async fn all_graphs(&self) -> Vec<Graphs> {
        let asked: Vec<_> = self
            .shards
            .iter()
            .cloned()
            .map(|shard| tokio::spawn(async move { shard.graphs().await }))
            .collect();
        let mut answers = Vec::with_capacity(asked.len());
        for task in asked {
            answers.push(task.await.unwrap_or_else(|error| Err(error.to_string())));
        }
        answers
    }
}
