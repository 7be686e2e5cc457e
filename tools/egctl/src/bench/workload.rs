//! Which requests an operation sends, and how their answers are checked.

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::answer;
use super::args::Op;
use super::template::{Envelope, Message, Template};

/// Prefix of every node id; ten digits follow.
pub(super) const NODE_PREFIX: &str = "node-";

/// Where the node number of a request comes from.
#[derive(Clone, Copy)]
pub(super) enum Numbers {
    /// The request names no node.
    Unused,
    /// Existing nodes, so many in a row, from a random one on.
    Existing(u64),
    /// The next `n` numbers that no node has yet.
    Fresh(u64),
}

/// What a good answer must look like beyond not being an error.
#[derive(Clone, Copy)]
pub(super) enum Check {
    Any,
    NotNil,
    NoBatchErrors,
}

impl Check {
    /// What is wrong with an encoded result, or `None`.
    pub(super) fn complaint(self, result: &[u8]) -> Result<Option<String>> {
        match self {
            Self::Any => Ok(None),
            Self::NotNil => Ok(answer::is_nil(result).then(|| "nil where a value was stored".to_owned())),
            Self::NoBatchErrors => answer::batch_error(result),
        }
    }
}

/// One kind of request within a workload.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Share of the requests, in percent.
    pub(super) percent: u32,
    pub(super) method: &'static str,
    pub(super) numbers: Numbers,
    pub(super) check: Check,
}

impl Kind {
    const fn new(percent: u32, method: &'static str, numbers: Numbers, check: Check) -> Self {
        Self { percent, method, numbers, check }
    }

    /// Encodes a request of this kind.
    pub(super) fn template(&self, envelope: Envelope<'_>, id: u64) -> Result<Template> {
        let mut params = Message::default();
        match (self.method, self.numbers) {
            (_, Numbers::Unused) => return Template::new(envelope, id, self.method, None),
            ("GetNodePropertiesBatch" | "HasNodesBatch", Numbers::Existing(nodes)) => {
                params.map(1)?;
                params.str("node_ids")?;
                params.array(u32::try_from(nodes)?)?;
                (0..nodes).try_for_each(|index| params.numbered(NODE_PREFIX, index))?;
            }
            (_, Numbers::Existing(_)) => {
                params.map(1)?;
                params.str("node_id")?;
                params.numbered(NODE_PREFIX, 0)?;
            }
            ("BatchUpdate", Numbers::Fresh(nodes)) => {
                let mut operations = Message::default();
                operations.array(u32::try_from(nodes)?)?;
                for index in 0..nodes {
                    add_node(&mut operations, index)?;
                }
                params = batch_params(&operations, envelope)?;
            }
            (_, Numbers::Fresh(_)) => {
                let mut properties = Message::default();
                node_properties(&mut properties, 0)?;
                params.map(2)?;
                params.str("node_id")?;
                params.numbered(NODE_PREFIX, 0)?;
                params.str("properties_msgpack")?;
                params.bytes(&properties, envelope.form)?;
            }
        }
        Template::new(envelope, id, self.method, Some(&params))
    }
}

/// The kinds of request that `op` mixes; `batch` is the number of nodes in a BatchUpdate.
pub(super) fn kinds(op: Op, batch: u64) -> Vec<Kind> {
    let properties = |percent| Kind::new(percent, "GetNodeProperties", Numbers::Existing(1), Check::NotNil);
    let neighbors = |percent| Kind::new(percent, "GetNeighbors", Numbers::Existing(1), Check::Any);
    let batch_read = |method| vec![Kind::new(100, method, Numbers::Existing(batch), Check::NotNil)];
    let add = |percent| Kind::new(percent, "AddNode", Numbers::Fresh(1), Check::Any);
    match op {
        Op::AddNode => vec![add(100)],
        Op::GetNodeProperties => vec![properties(100)],
        Op::GetNeighbors => vec![neighbors(100)],
        Op::GetNodePropertiesBatch => batch_read("GetNodePropertiesBatch"),
        Op::HasNodesBatch => batch_read("HasNodesBatch"),
        Op::BatchUpdate => {
            vec![Kind::new(100, "BatchUpdate", Numbers::Fresh(batch), Check::NoBatchErrors)]
        }
        Op::Mixed => vec![properties(70), neighbors(20), add(10)],
        Op::Ping => vec![Kind::new(100, "Ping", Numbers::Unused, Check::Any)],
    }
}

/// An endless sequence of requests: which kind, about which node.
pub(super) struct Source {
    kinds: Vec<Kind>,
    existing: u64,
    fresh: u64,
    random: StdRng,
}

impl Source {
    /// Reads choose from the nodes below `existing`; `fresh` is the first number that no node has yet.
    pub(super) fn new(kinds: Vec<Kind>, existing: u64, fresh: u64, seed: u64) -> Self {
        Self { kinds, existing, fresh, random: StdRng::seed_from_u64(seed) }
    }

    pub(super) fn kind(&self, index: usize) -> Kind {
        self.kinds[index]
    }

    /// The next request: index of its kind and number of its (first) node.
    pub(super) fn next(&mut self) -> (usize, u64) {
        let index = self.choose();
        let number = match self.kinds[index].numbers {
            Numbers::Unused => 0,
            Numbers::Existing(count) => self.random.random_range(0..=self.existing.saturating_sub(count)),
            Numbers::Fresh(count) => {
                let first = self.fresh;
                self.fresh += count;
                first
            }
        };
        (index, number)
    }

    fn choose(&mut self) -> usize {
        if self.kinds.len() == 1 {
            return 0;
        }
        let mut ticket = self.random.random_range(0..100);
        let mut below_share = |kind: &Kind| {
            let hit = ticket < kind.percent;
            ticket = ticket.saturating_sub(kind.percent);
            hit
        };
        self.kinds.iter().position(&mut below_share).expect("the shares of a workload add up to 100")
    }
}

/// Appends one `add_node` operation of a BatchUpdate.
pub(super) fn add_node(operations: &mut Message, index: u64) -> Result<()> {
    operations.map(3)?;
    operations.str("op")?;
    operations.str("add_node")?;
    operations.str("id")?;
    operations.numbered(NODE_PREFIX, index)?;
    operations.str("properties")?;
    node_properties(operations, index)
}

/// Parameters of a BatchUpdate over encoded operations.
pub(super) fn batch_params(operations: &Message, envelope: Envelope<'_>) -> Result<Message> {
    let mut params = Message::default();
    params.map(1)?;
    params.str("operations_msgpack")?;
    params.bytes(operations, envelope.form)?;
    Ok(params)
}

/// A property map of about 100 bytes with one of ten types.
fn node_properties(message: &mut Message, index: u64) -> Result<()> {
    message.map(4)?;
    message.str("name")?;
    message.numbered("service ", index)?;
    message.str("score")?;
    message.float(0.8125)?;
    message.str("summary")?;
    message.str("answers requests of the payment team")?;
    message.str("type")?;
    message.last_digit("kind-", index)
}
