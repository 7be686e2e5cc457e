//! The last hour of a shard, in the memory of the gateway: points of five seconds, and what happened between them.
//!
//! * `point` is what happened in some seconds, `answer` what a viewer is sent of an hour.

mod answer;
mod point;

use std::collections::VecDeque;
use std::sync::Arc;

use epistemic_router::status::LoadStatus;
use serde::Serialize;
use tokio::time::Instant;

use self::point::{Bounds, Point};

pub(super) use self::answer::{Glance, Hour, Step};

/// What one point is of.
const STEP_MS: u64 = 5_000;
/// An hour.
const POINTS: usize = 720;
/// Looks that are further apart than so many steps say nothing of each of them.
const FAR: u64 = 2;
const MAX_EVENTS: usize = 100;

/// Something that a drawing has to explain: a gap, or counters that begin anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Event {
    kind: EventKind,
    from_ms: u64,
    /// Absent while it goes on.
    to_ms: Option<u64>,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventKind {
    /// It did not answer.
    Unreachable,
    /// It was started anew.
    Restart,
}

/// The hour.
#[derive(Debug)]
pub(super) struct Series {
    /// When looking began, Unix milliseconds.
    since_ms: u64,
    /// By the number of the step since 1970; steps of which nothing is known are missing.
    points: VecDeque<(u64, Point)>,
    newest: Option<Sample>,
    bounds: Option<Arc<Bounds>>,
    /// Oldest first.
    events: VecDeque<Event>,
}

#[derive(Debug)]
struct Sample {
    at: Instant,
    step: u64,
    uptime_s: u64,
    load: LoadStatus,
}

impl Event {
    /// When it happened, or began.
    pub(super) fn at_ms(&self) -> u64 {
        self.from_ms
    }
}

impl Series {
    /// Whether the shard was started anew in the time that is kept.
    pub(super) fn has_restarted(&self) -> bool {
        self.events.iter().any(|event| event.kind == EventKind::Restart)
    }

    /// Whether something was committed between these times, as far as it is known.
    pub(super) fn committed_between(&self, from_ms: u64, to_ms: u64) -> bool {
        let steps = from_ms.div_ceil(STEP_MS)..to_ms / STEP_MS;
        self.points.iter().any(|(step, point)| steps.contains(step) && point.commits() > 0)
    }

    pub(super) fn new(since_ms: u64) -> Self {
        Self { since_ms, points: VecDeque::new(), newest: None, bounds: None, events: VecDeque::new() }
    }

    /// The shard answered; it may not tell its counters.
    pub(super) fn answered(&mut self, at: Instant, now_ms: u64, uptime_s: u64, load: Option<&LoadStatus>) {
        if let Some(open) = self.events.back_mut()
            && open.to_ms.is_none()
        {
            open.to_ms = Some(now_ms);
        }
        let Some(load) = load else { return };
        let sample = Sample { at, step: now_ms / STEP_MS, uptime_s, load: load.clone() };
        let Some(before) = &self.newest else {
            self.newest = Some(sample);
            return;
        };
        if uptime_s < before.uptime_s {
            self.restarted(now_ms, uptime_s);
        } else if sample.step == before.step {
            return;
        } else if sample.step - before.step <= FAR && Bounds::of(&before.load) == Bounds::of(load) {
            let bounds = Bounds::of(load);
            let bounds =
                self.bounds.take().filter(|known| **known == bounds).unwrap_or_else(|| Arc::new(bounds));
            let seconds = (at - before.at).as_secs_f32();
            let point = Point::between(&before.load, load, seconds, &bounds);
            self.bounds = Some(bounds);
            match point {
                Some(point) => self.push(before.step, point),
                None => self.restarted(now_ms, uptime_s),
            }
        }
        self.newest = Some(sample);
    }

    /// The shard did not answer, for this reason.
    pub(super) fn silent(&mut self, now_ms: u64, reason: &str) {
        let is_open = |event: &Event| event.to_ms.is_none();
        if !self.events.back().is_some_and(is_open) {
            let text = reason.to_owned();
            self.event(Event { kind: EventKind::Unreachable, from_ms: now_ms, to_ms: None, text });
        }
    }

    fn restarted(&mut self, now_ms: u64, uptime_s: u64) {
        let from_ms = now_ms.saturating_sub(uptime_s.saturating_mul(1000));
        let text = "started anew: its counters began at 0".to_owned();
        self.event(Event { kind: EventKind::Restart, from_ms, to_ms: Some(from_ms), text });
    }

    fn event(&mut self, event: Event) {
        if self.events.len() == MAX_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    fn push(&mut self, step: u64, point: Point) {
        self.points.push_back((step, point));
        let oldest = step.saturating_sub(POINTS as u64 - 1);
        while self.points.front().is_some_and(|(step, _)| *step < oldest) {
            self.points.pop_front();
        }
    }

    /// The point of all that happened in the last so many steps; nothing when nothing is known of them.
    fn last(&self, steps: u64, now_ms: u64) -> Option<Point> {
        let from = (now_ms / STEP_MS).saturating_sub(steps);
        let mut found: Option<Point> = None;
        for (_, point) in self.points.iter().rev().take_while(|(step, _)| *step >= from) {
            match &mut found {
                None => found = Some(point.clone()),
                Some(sum) => {
                    if !sum.add(point) {
                        break;
                    }
                }
            }
        }
        found
    }
}
