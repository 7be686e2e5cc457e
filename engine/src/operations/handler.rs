//! How operations are run: one function each, and what it gets.

use crate::request::{
    computation::ComputeFn,
    graph_read::{CountersFn, ReadFn, StreamFn},
    service::{InlineFn, ServiceFn},
    union_read::UnionFn,
    write::{Answers, CommitFn, WriteFn},
};

/// What answers an operation, and by that where it runs.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Answered here and now, without a graph.
    Inline(InlineFn),
    /// Answered here and now from the counters of the graph.
    Counters(CountersFn),
    /// A read of a few records of the graph: answered here unless it is long.
    Point(ReadFn),
    /// A read of much of the graph, on a thread for reads unless the graph is small.
    Scan(ReadFn),
    /// A read whose response is sent in parts, on a thread that blocks.
    Stream(StreamFn),
    /// A read of several graphs, on a thread for reads.
    Union(UnionFn),
    /// A computation over the graph, on the compute threads; ends when its client is gone.
    Compute(ComputeFn),
    /// A mutation, decoded here and made by the commit thread.
    Write(WriteFn, Answers),
    /// The mutations of a transaction, made by the commit thread.
    Commit(CommitFn),
    /// An operation of the service, on a thread that may block.
    Service(ServiceFn),
}
