//! Reasoning with rules that the request brings along.

use rmpv::Value;
use serde::Serialize;

use super::Pair;
use crate::error::RouterError;
use crate::graph::GraphClient;

/// The rules; empty lists are no rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DatalogRules {
    /// Class and its superclass.
    pub subclass_relations: Vec<Pair>,
    /// Property and the one that it implies.
    pub subproperty_relations: Vec<Pair>,
    /// Properties that are each other's inverse.
    pub inverse_properties: Vec<Pair>,
    /// Property and the class of its subjects.
    pub domain_rules: Vec<Pair>,
    /// Property and the class of its objects.
    pub range_rules: Vec<Pair>,
    /// Properties that hold in both directions.
    pub symmetric_properties: Vec<String>,
    /// Properties that lead on.
    pub transitive_properties: Vec<String>,
    /// The first followed by the second gives the third.
    pub property_chains: Vec<(String, String, String)>,
}

impl GraphClient {
    /// Derives what follows from the rules and stores it. Returns the new facts.
    ///
    /// # Errors
    /// As [`ShardRouter::call`](crate::ShardRouter::call).
    pub async fn datalog(&self, rules: &DatalogRules) -> Result<Value, RouterError> {
        self.ask("RunDatalogReasoning", rules).await
    }
}
