//! Random steps of moves: mostly one that fits the graph's standing.

use epistemic_storage::{
    GraphStore,
    graph::{GraphError, LedgerRecord, MigrationState, MoveOp, MoveRole, NameAfter, Op, Rename, Write},
};

use super::program::Program;

/// Kinds of steps without replays.
const ARRIVE: usize = 0;
const FILL: usize = 1;
const ADMIT: usize = 2;
const DEPART: usize = 3;
const DROP: usize = 4;
const RETURN: usize = 5;
const FORGET: usize = 6;
const REFUSE: usize = 7;
const ALL: [usize; 8] = [ARRIVE, FILL, ADMIT, DEPART, DROP, RETURN, FORGET, REFUSE];

impl Program {
    pub fn step(&mut self, graphs: &GraphStore, name: &str) -> Op {
        let graph = graphs.graph_in_any_state(name).ok();
        let standing = graph.as_ref().map(|graph| graph.migration_state());
        let fitting: &[usize] = match &standing {
            None => &[ARRIVE],
            Some(None) => &[DEPART],
            Some(Some(MigrationState::Arriving { .. })) => &[FILL, FILL, ADMIT, ADMIT, ADMIT, REFUSE],
            Some(Some(MigrationState::Moved(post))) if post.dropped => &[ARRIVE, FORGET],
            Some(Some(MigrationState::Moved(_))) => &[DROP, DROP, RETURN],
        };
        let mut move_id = self.move_id();
        if let Some(standing) = standing.flatten().filter(|_| self.random.below(4) > 0) {
            move_id = standing.move_id().to_owned();
        }
        let stale = u64::from(self.random.below(8) == 0);
        let sequence = graph.map_or(0, |graph| graph.counters().sequence) + stale;
        let kinds = if self.random.below(4) == 0 { &ALL } else { fitting };
        Op::Move(match self.random.pick(kinds) {
            ARRIVE => MoveOp::Arrive { move_id, from: "from".into() },
            FILL => {
                let (loaded, kind, owner) = (self.copy(graphs), self.kind(), Some(self.id()));
                MoveOp::Fill { move_id, loaded, kind, owner, origin: None }
            }
            ADMIT => MoveOp::Admit { move_id, copy: None, sequence, epoch: None, rename: self.rename() },
            DEPART => super::depart(graphs, name, &move_id),
            DROP => MoveOp::Drop { move_id },
            REFUSE => {
                let role = self.random.pick(&[MoveRole::Source, MoveRole::Destination]);
                let name_after = self.random.pick(&NameAfter::ALL);
                MoveOp::Refuse { move_id, role, peer: "peer".into(), name_after }
            }
            RETURN => MoveOp::Return { move_id },
            _ => MoveOp::Forget,
        })
    }

    fn move_id(&mut self) -> String {
        // A move that was decided on does nothing more, so most ids are new ones.
        match self.random.below(4) {
            0 => self.random.pick(&["m1", "m2", "m3"]).into(),
            _ => format!("m{}", self.random.below(1 << 20)),
        }
    }

    fn rename(&mut self) -> Option<Rename> {
        let rename = Rename { name: self.name().into(), replace: self.random.below(2) == 0 };
        (self.random.below(3) == 0).then_some(rename)
    }

    /// A replay, to be committed alone: it was made for what is there now. Never one that finds the copy to differ, which
    /// quarantines the graph until the store is opened again.
    pub fn replay(&mut self, graphs: &GraphStore) -> Write {
        let mut names: Vec<_> =
            graphs.migrating_graphs().iter().map(|graph| graph.name().to_string()).collect();
        names.sort_unstable();
        names.push(self.name());
        let name = self.random.pick(&names);
        let graph = graphs.graph_in_any_state(&name).ok();
        let newest = graph.as_ref().map_or(0, |graph| graph.counters().sequence);
        let move_id = match graph.and_then(|graph| graph.migration_state()) {
            Some(standing) => standing.move_id().to_owned(),
            None => self.move_id(),
        };
        let records = match newest {
            0 => self.first_changes(graphs),
            _ => self.unfit(newest),
        };
        Write { graph: name.into(), op: Op::Move(MoveOp::Replay { move_id, copy: None, records }) }
    }

    /// The first changes of some graph.
    fn first_changes(&mut self, graphs: &GraphStore) -> Vec<(u64, Vec<u8>)> {
        let changes =
            graphs.graph_in_any_state(&self.name()).and_then(|graph| graphs.changes(&graph, 0, usize::MAX));
        let mut records = match changes {
            Ok(changes) => changes.records,
            Err(GraphError::GraphNotFound(_) | GraphError::LedgerTruncated { .. }) => Vec::new(),
            Err(error) => panic!("the ledger: {error}"),
        };
        records.truncate(self.random.below(records.len() + 1));
        records
    }

    /// Records that change nothing: passed over or refused.
    fn unfit(&mut self, newest: u64) -> Vec<(u64, Vec<u8>)> {
        let old = (self.random.below(newest as usize) as u64, b"not looked at".to_vec());
        match self.random.below(5) {
            0 => vec![old],
            1 => vec![old, (newest + 1, vec![77])],
            2 => vec![(newest + 2, LedgerRecord::Created.encode(1))],
            3 => vec![(newest + 1, LedgerRecord::Text("as it came").encode(1))],
            _ => Vec::new(),
        }
    }
}
