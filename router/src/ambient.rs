//! The tenant that a piece of work is done for, kept beside it.

use std::future::Future;

tokio::task_local! {
    static AMBIENT: Option<String>;
}

/// Runs `work` for a tenant: [`ShardRouter::resolve`](crate::ShardRouter::resolve) then finds the tenant's graph
/// without being told. Tasks that `work` spawns have no ambient tenant: wrap them again.
pub async fn with_tenant<F: Future>(tenant: Option<String>, work: F) -> F::Output {
    AMBIENT.scope(tenant, work).await
}

/// The tenant of the innermost [`with_tenant`] around the caller.
#[must_use]
pub fn ambient_tenant() -> Option<String> {
    AMBIENT.try_with(Clone::clone).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_innermost_tenant_is_ambient_and_spawned_tasks_have_none() {
        assert_eq!(ambient_tenant(), None);
        let seen = with_tenant(Some("acme".to_owned()), async {
            let inner = with_tenant(Some("globex".to_owned()), async { ambient_tenant() }).await;
            let none = with_tenant(None, async { ambient_tenant() }).await;
            let spawned = tokio::spawn(async { ambient_tenant() }).await.unwrap();
            (ambient_tenant(), inner, none, spawned)
        });
        let expected = (Some("acme".to_owned()), Some("globex".to_owned()), None, None);
        assert_eq!(seen.await, expected);
    }
}
