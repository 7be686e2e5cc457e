//! Nodes: their form, and that no two have one sequence number.

use super::{
    finding::{FindingKind, Found},
    fold::Fold,
    pass::Pass,
};
use crate::{error::Result, graph::decode_node, keys, space::Space, view};

/// Sequence numbers that are compared in one pass over the nodes, one bit each.
const WINDOW: u64 = 1 << 26;

/// What the nodes add up to.
#[derive(Default)]
pub(super) struct Nodes {
    pub(super) count: u64,
    /// The greatest sequence number.
    pub(super) newest: u64,
    /// The records that the label index ought to have.
    pub(super) labels: Fold,
}

/// Reads all nodes, once for every [`WINDOW`] of sequence numbers.
pub(super) fn check(pass: &mut Pass<'_, '_>) -> Result<Nodes> {
    let mut nodes = Nodes::default();
    let mut window = Window::new(0);
    pass.for_each(Space::Nodes, |pass, key, value| {
        nodes.count += 1;
        let (Some(node), Ok((sequence, properties))) = (keys::node_of(key), decode_node(value)) else {
            return pass.bad_record(
                Space::Nodes,
                key,
                "id that is not UTF-8, or value without a sequence number",
            );
        };
        nodes.newest = nodes.newest.max(sequence);
        for label in view::labels(properties) {
            nodes.labels.add(label.as_bytes(), node.as_bytes(), sequence);
        }
        if window.repeats(sequence) { repeated(pass, key, sequence) } else { Ok(()) }
    })?;
    while let Some(next) = window.next {
        window = Window::new(next);
        pass.for_each(Space::Nodes, |pass, key, value| match decode_node(value) {
            Ok((sequence, _)) if window.repeats(sequence) => repeated(pass, key, sequence),
            Ok(_) | Err(_) => Ok(()),
        })?;
    }
    Ok(nodes)
}

fn repeated(pass: &mut Pass<'_, '_>, key: &[u8], sequence: u64) -> Result<()> {
    let detail = format!("another node has its sequence number {sequence} too");
    pass.found(Found::new(FindingKind::RepeatedSequence, Space::Nodes, key, detail))
}

/// The sequence numbers `first..first + WINDOW` that were seen.
struct Window {
    first: u64,
    seen: Vec<u64>,
    /// The smallest one behind the window.
    next: Option<u64>,
}

impl Window {
    fn new(first: u64) -> Self {
        Self { first, seen: Vec::new(), next: None }
    }

    /// Whether the number is in the window and was seen before.
    fn repeats(&mut self, sequence: u64) -> bool {
        let Some(at) = sequence.checked_sub(self.first) else {
            return false;
        };
        if at >= WINDOW {
            self.next = Some(self.next.map_or(sequence, |next| next.min(sequence)));
            return false;
        }
        let (word, bit) = ((at / 64) as usize, 1 << (at % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        let repeats = self.seen[word] & bit != 0;
        self.seen[word] |= bit;
        repeats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_follow_one_another() {
        let sequences = [5, WINDOW + 3, 5, u64::MAX, WINDOW + 3, 0, u64::MAX];
        let (mut window, mut repeated, mut passes) = (Window::new(0), Vec::new(), 0);
        loop {
            passes += 1;
            repeated.extend(sequences.iter().filter(|&&sequence| window.repeats(sequence)));
            let Some(next) = window.next else { break };
            window = Window::new(next);
        }
        assert_eq!((repeated, passes), (vec![5, WINDOW + 3, u64::MAX], 3));
    }
}
