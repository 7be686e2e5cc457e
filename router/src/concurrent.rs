//! The same work on many graphs at once.

use std::future::Future;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::error::RouterError;
use crate::graph::GraphClient;
use crate::router::ShardRouter;

impl ShardRouter {
    /// Runs `work` on every graph, `width` at a time, and returns the results in the order of the graphs. There is no
    /// partial result: the first failure ends it and is returned, an unreachable shard with its name. What had begun
    /// by then may still be carried out.
    ///
    /// # Errors
    /// The first that `work` returns.
    pub async fn map_concurrent<T, F, W>(
        &self,
        graphs: impl IntoIterator<Item = impl Into<String>>,
        width: usize,
        work: F,
    ) -> Result<Vec<T>, RouterError>
    where
        F: Fn(GraphClient) -> W,
        W: Future<Output = Result<T, RouterError>>,
    {
        // Owned names, so that the future has no lifetime to be general over and can be spawned.
        let graphs: Vec<String> = graphs.into_iter().map(Into::into).collect();
        let works = graphs.into_iter().enumerate().map(|(index, graph)| {
            let work = work(self.graph(graph));
            async move { work.await.map(|result| (index, result)) }
        });
        let done = stream::iter(works).buffer_unordered(width.max(1));
        let mut results: Vec<(usize, T)> = done.try_collect().await?;
        results.sort_unstable_by_key(|(index, _)| *index);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }
}
