//! How many graphs, nodes, edges and embeddings a tenant may have, exactly: `counts` are the numbers, `accounts` compares
//! them, `limits` sets them.

pub(super) mod accounts;
pub(super) mod counts;
pub(super) mod limits;

#[cfg(test)]
mod tests;
