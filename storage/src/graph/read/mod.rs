//! Reads: `reader` asks for records of one graph, `partial` for some of many, `rows` are the answers, `views` says of which state they are, `sizes`
//! estimates what a graph takes. `node_record` is the stored form of a node.

pub(super) mod node_record;
pub(super) mod partial;
pub(super) mod reader;
pub(super) mod rows;
pub(super) mod sizes;
pub(super) mod views;
