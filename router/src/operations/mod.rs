//! The operations of the protocol as methods of [`GraphClient`]: a table of names, parameters and results. Everything
//! not here goes through [`GraphClient::call`].

mod algorithms;
mod datalog;
mod edges;
mod lifecycle;
mod nodes;
mod service;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::{CallError, RouterError};
use crate::graph::GraphClient;

/// Two names, as an edge or a tie.
pub type Pair = (String, String);
/// A node with a number.
pub type Scored = (String, f64);
/// Source, target and properties as stored.
pub type Edge = (String, String, Vec<u8>);

/// The answer of an operation that only says that it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done;

impl<'de> Deserialize<'de> for Done {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// One method per line: `name = "Name"(parameter: type, ...) -> result;`.
macro_rules! operations {
    ($($(#[$doc:meta])+ $name:ident = $method:literal ($($parameter:ident: $kind:ty),*) -> $result:ty;)+) => {
        #[expect(non_camel_case_types, reason = "the types of parameters are named like their fields")]
        impl GraphClient {
            $(
                $(#[$doc])+
                ///
                /// # Errors
                /// As [`ShardRouter::call`](crate::ShardRouter::call).
                pub async fn $name(&self, $($parameter: $kind),*) -> Result<$result, RouterError> {
                    operations!(@call self $method $($parameter)*)
                }
            )+
        }
        #[cfg(test)]
        pub(super) const NAMES: &[&str] = &[$($method),+];
    };
    (@call $this:ident $method:literal) => {
        $this.ask($method, &()).await
    };
    // The parameters are a map with their names; each is its own type parameter, so none needs a lifetime.
    (@call $this:ident $method:literal $($parameter:ident)+) => {{
        #[derive(serde::Serialize)]
        struct Parameters<$($parameter),+> {
            $($parameter: $parameter),+
        }
        $this.ask($method, &Parameters { $($parameter),+ }).await
    }};
}
use operations;

pub use datalog::DatalogRules;

impl GraphClient {
    /// The typed result; a result that is a bin is the value inside it.
    async fn ask<T, P>(&self, method: &str, params: &P) -> Result<T, RouterError>
    where
        T: DeserializeOwned,
        P: Serialize + Sync,
    {
        let bytes = self.call_raw(method, params).await?;
        rmp_serde::from_slice(bin_content(&bytes).unwrap_or(&bytes)).map_err(|error| {
            let endpoint = self.router().place(self.name());
            let reason = format!("the result of {method} does not decode: {error}");
            CallError::BadResponse { endpoint, reason }.into()
        })
    }
}

fn bin_content(mut bytes: &[u8]) -> Option<&[u8]> {
    let length = rmp::decode::read_bin_len(&mut bytes).ok()?;
    bytes.get(..usize::try_from(length).ok()?)
}

#[cfg(test)]
mod tests {
    use epistemic_protocol::Method;
    use rmpv::Value;

    use super::*;

    #[test]
    fn every_operation_is_one_of_the_server_and_there_once() {
        let mut names =
            [nodes::NAMES, edges::NAMES, algorithms::NAMES, lifecycle::NAMES, service::NAMES].concat();
        assert!(names.len() > 70, "{}", names.len());
        for name in &names {
            assert!(Method::from_name(name).is_some(), "{name} is no method of the server");
        }
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn a_bin_is_its_content() {
        assert_eq!(bin_content(&[0xc4, 2, 7, 8]), Some(&[7, 8][..]));
        assert_eq!(bin_content(&[0xc4, 3, 7, 8]), None);
        assert_eq!(bin_content(&[0xc0]), None);
        assert_eq!(rmp_serde::from_slice::<Done>(&[0xa2, b'o', b'k']).unwrap(), Done);
        assert_eq!(rmp_serde::from_slice::<Option<Value>>(&[0xc0]).unwrap(), None);
    }
}
