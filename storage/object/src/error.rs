//! What the errors of SlateDB and of the object store mean for those above.

use std::{error::Error as _, sync::Arc};

use epistemic_storage::StoreError;
use slatedb::{CloseReason, ErrorKind};

/// An error of SlateDB in the database at `url`.
pub(crate) fn of_slatedb(url: &str, error: &slatedb::Error) -> StoreError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is open, and all others are told as they are"
    )]
    match error.kind() {
        ErrorKind::Closed(CloseReason::Fenced) => fenced(url),
        // An object that is gone is a reader that took too long, or a request that raced one; not damage.
        ErrorKind::Data if is_missing_object(error) => StoreError::other(format!(
            "an object below {url} is gone: {error}. A read that takes longer than {} hours meets this; repeat it",
            crate::settings::READ_HOURS
        )),
        ErrorKind::Data => StoreError::Corrupt { place: url.to_owned(), detail: error.to_string() },
        _ => StoreError::other(format!("{url}: {}", epistemic_bucket::told(error))),
    }
}

/// The store was taken over.
pub(crate) fn fenced(url: &str) -> StoreError {
    StoreError::Fenced { detail: format!("{url} was opened by a newer owner") }
}

/// An error of the object store about the object `name` below `url`.
pub(crate) fn of_objects(url: &str, name: &str, error: &object_store::Error) -> StoreError {
    StoreError::other(format!("'{name}' below {url}: {}", epistemic_bucket::told(error)))
}

/// The location cannot be opened as a store.
pub(crate) fn unusable(url: &str, detail: impl Into<String>) -> StoreError {
    StoreError::BadDirectory { path: url.into(), detail: detail.into() }
}

fn is_missing_object(error: &slatedb::Error) -> bool {
    error
        .source()
        .and_then(|source| source.downcast_ref::<Arc<object_store::Error>>())
        .is_some_and(|error| matches!(**error, object_store::Error::NotFound { .. }))
}
