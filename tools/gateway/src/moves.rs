//! Moves as the shards tell them: what goes on, signposts, and what ended.

use std::time::Duration;

use epistemic_router::ShardRouter;
use serde::{Deserialize, Serialize};

use super::probe::call_with;

/// Outcomes that are asked of a shard.
const OUTCOMES: usize = 500;

/// One move, at one shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Moved {
    /// The move; absent for a signpost without one.
    pub(super) id: Option<String>,
    pub(super) graph: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    /// What is done now, in words.
    pub(super) step: &'static str,
    pub(super) state: Standing,
    /// Of a copy that is taken in: records that arrived, records in all, and seconds left. Of one that makes the changes since: the
    /// newest that it has.
    pub(super) done: Option<u64>,
    pub(super) of: Option<u64>,
    pub(super) left_s: Option<u64>,
    pub(super) at_ms: Option<u64>,
    pub(super) ended_ms: Option<u64>,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    Running,
    Failed,
    Done,
    /// The graph is elsewhere, and its records are gone from here.
    Signpost,
}

/// What is used of a row of `MoveStatus`.
#[derive(Debug, Deserialize)]
struct Status {
    name: String,
    standing: String,
    sequence: u64,
    #[serde(default)]
    move_id: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    dropped: bool,
    #[serde(default)]
    fenced_by: Option<String>,
    #[serde(default)]
    filling: Option<Filling>,
}

/// How far a copy is.
#[derive(Debug, Deserialize)]
struct Filling {
    records: u64,
    of: u64,
    left_s: Option<u64>,
}

/// What is used of a row of `MoveOutcomes`.
#[derive(Debug, Deserialize)]
struct Outcome {
    move_id: String,
    graph: String,
    role: String,
    outcome: String,
    peer: String,
    at_ms: u64,
}

impl Moved {
    pub(super) fn is_running(&self) -> bool {
        self.state == Standing::Running
    }

    fn of(row: Status, here: &str) -> Option<Self> {
        let here = || Some(here.to_owned());
        let (step, state, from, to, id) = match row.standing.as_str() {
            "arriving" => ("copying", Standing::Running, row.from, here(), row.move_id),
            "moved" if row.dropped => ("signpost", Standing::Signpost, here(), row.to, row.move_id),
            "moved" => ("dropping the old records", Standing::Running, here(), row.to, row.move_id),
            _ => ("handing over", Standing::Running, here(), row.to, Some(row.fenced_by?)),
        };
        let (step, done, of, left_s) = match (step, row.filling) {
            ("copying", Some(Filling { records, of, left_s })) => (step, Some(records), Some(of), left_s),
            // The changes since the copy was begun.
            ("copying", None) if row.sequence > 0 => ("catching up", Some(row.sequence), None, None),
            ("copying", None) => (step, None, None, None),
            _ => (step, None, None, None),
        };
        Some(Self {
            id,
            graph: row.name,
            from,
            to,
            step,
            state,
            done,
            of,
            left_s,
            at_ms: None,
            ended_ms: None,
        })
    }

    fn ended(row: Outcome, here: &str) -> Self {
        let (state, step) = match row.outcome.as_str() {
            "refused" => (Standing::Failed, "given up"),
            _ => (Standing::Done, "complete"),
        };
        let here = Some(here.to_owned());
        let (from, to) = if row.role == "source" { (here, Some(row.peer)) } else { (Some(row.peer), here) };
        let (id, at_ms) = (Some(row.move_id), Some(row.at_ms));
        let (done, of, left_s) = (None, None, None);
        Self { id, graph: row.graph, from, to, step, state, done, of, left_s, at_ms, ended_ms: at_ms }
    }
}

#[derive(Serialize)]
struct Most {
    limit: usize,
}

/// What a shard says of moves; nothing when it does not answer, or does not tell this gateway.
pub(super) async fn ask(router: &ShardRouter, here: &str, deadline: Duration) -> Option<Vec<Moved>> {
    let rows: Vec<Status> = call_with(router, "MoveStatus", &(), deadline).await.ok()?.ok()?;
    let ended: Vec<Outcome> =
        call_with(router, "MoveOutcomes", &Most { limit: OUTCOMES }, deadline).await.ok()?.ok()?;
    let mut found: Vec<_> = rows.into_iter().filter_map(|row| Moved::of(row, here)).collect();
    let open: Vec<_> = found.iter().filter_map(|moved| moved.id.clone()).collect();
    found.extend(
        ended.into_iter().filter(|row| !open.contains(&row.move_id)).map(|row| Moved::ended(row, here)),
    );
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(standing: &str, dropped: bool, fenced_by: Option<&str>) -> Option<Moved> {
        let row = Status {
            name: "g".into(),
            standing: standing.into(),
            sequence: 9,
            move_id: Some("m".into()),
            from: Some("tcp://a:1".into()),
            to: Some("tcp://c:1".into()),
            dropped,
            fenced_by: fenced_by.map(str::to_owned),
            filling: None,
        };
        Moved::of(row, "tcp://b:1")
    }

    #[test]
    fn a_copy_tells_how_far_it_is() {
        let row = |sequence: u64, filling: &str| {
            let text = format!(
                r#"{{"name":"g","standing":"arriving","sequence":{sequence},"move_id":"m","from":"tcp://a:1"{filling}}}"#
            );
            let moved = Moved::of(serde_json::from_str(&text).unwrap(), "tcp://b:1").unwrap();
            (moved.step, moved.done, moved.of, moved.left_s)
        };
        assert_eq!(row(0, ""), ("copying", None, None, None));
        let filling = r#","filling":{"records":250,"of":1000,"left_s":30}"#;
        assert_eq!(row(0, filling), ("copying", Some(250), Some(1000), Some(30)));
        assert_eq!(row(77, ""), ("catching up", Some(77), None, None));
    }

    #[test]
    fn the_step_is_told_by_where_the_graph_stands() {
        let told = |moved: Option<Moved>| moved.map(|moved| (moved.state, moved.step, moved.from, moved.to));
        let [a, b, c] = ["tcp://a:1", "tcp://b:1", "tcp://c:1"].map(|text| Some(text.to_owned()));
        assert_eq!(
            told(status("arriving", false, None)),
            Some((Standing::Running, "catching up", a, b.clone()))
        );
        let left = told(status("moved", false, None));
        assert_eq!(left, Some((Standing::Running, "dropping the old records", b.clone(), c.clone())));
        let post = told(status("moved", true, None));
        assert_eq!(post, Some((Standing::Signpost, "signpost", b.clone(), c.clone())));
        assert_eq!(told(status("served", false, Some("m"))), Some((Standing::Running, "handing over", b, c)));
        assert_eq!(told(status("served", false, None)), None);
    }
}
