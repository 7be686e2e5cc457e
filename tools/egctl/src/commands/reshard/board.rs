//! Progress of many moves on stderr: bars on a terminal, elsewhere a line after a second and then every ten.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use epistemic_operations::moves::Step;
use epistemic_operations::reshard::{Move, Progress};
use indicatif::{HumanBytes, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

use crate::table::shortened;

const QUIET: Duration = Duration::from_secs(1);
const LINE_EVERY: Duration = Duration::from_secs(10);
/// What a graph counts beside its bytes, so that many small ones are seen to go by.
const GRAPH_WEIGHT: u64 = 1 << 20;

/// What is shown. It is cleared when this is dropped.
pub(super) struct Board {
    bars: Option<MultiProgress>,
    all: ProgressBar,
    inner: Mutex<Inner>,
    begun: Instant,
}

struct Inner {
    graphs: usize,
    done: usize,
    failed: usize,
    weight: u64,
    done_weight: u64,
    /// Bytes copied of the graphs in hand, and their bars.
    current: HashMap<String, (u64, Option<ProgressBar>)>,
    next_line: Duration,
}

fn weight(graph: &Move) -> u64 {
    graph.bytes.unwrap_or(0).saturating_add(GRAPH_WEIGHT)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is well formed")
}

impl Board {
    /// Of these moves.
    pub(super) fn new(moves: &[&Move]) -> Self {
        let (graphs, weight) = moves
            .iter()
            .map(|graph| weight(graph))
            .fold((0, 0_u64), |(n, sum), one| (n + 1, sum.saturating_add(one)));
        let target = ProgressDrawTarget::stderr_with_hz(5);
        let bars = std::io::stderr().is_terminal().then(|| MultiProgress::with_draw_target(target));
        let all = ProgressBar::with_draw_target(Some(weight), ProgressDrawTarget::hidden())
            .with_style(style("reshard [{bar:30}] {percent:>3} % {msg}"));
        let all = bars.as_ref().map_or(all.clone(), |bars| bars.add(all));
        let inner = Inner {
            graphs,
            done: 0,
            failed: 0,
            weight,
            done_weight: 0,
            current: HashMap::new(),
            next_line: QUIET,
        };
        Self { bars, all, inner: Mutex::new(inner), begun: Instant::now() }
    }

    fn say(&self, line: &str) {
        // Progress that nobody can see must not fail the work.
        let _ = match &self.bars {
            Some(bars) => bars.println(line),
            None => writeln!(std::io::stderr(), "{line}"),
        };
    }
}

impl Progress for Board {
    fn begin(&self, graph: &Move) {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = ProgressBar::new(graph.bytes.unwrap_or(0))
                .with_style(style("  {prefix:40!} [{bar:20}] {bytes:>10} {msg}"))
                .with_prefix(shortened(&graph.graph));
            bars.add(bar)
        });
        self.inner.lock().current.insert(graph.graph.clone(), (0, bar));
    }

    fn step(&self, graph: &str, step: &Step) {
        if let Some((_, Some(bar))) = self.inner.lock().current.get(graph) {
            bar.set_message(step.name());
        }
    }

    fn copied(&self, graph: &str, bytes: u64) {
        let mut inner = self.inner.lock();
        let Some((copied, bar)) = inner.current.get_mut(graph) else { return };
        *copied = bytes;
        if let Some(bar) = bar {
            bar.set_length(bar.length().unwrap_or(0).max(bytes));
            bar.set_position(bytes);
        }
    }

    fn end(&self, graph: &Move, error: Option<&str>, again: bool) {
        let mut inner = self.inner.lock();
        if let Some((_, Some(bar))) = inner.current.remove(&graph.graph) {
            bar.finish_and_clear();
        }
        if let Some(error) = error {
            let then = if again { "; it will be tried again" } else { "" };
            self.say(&format!("{}: {error}{then}", shortened(&graph.graph)));
        }
        if !again {
            inner.done_weight += weight(graph);
            let count = if error.is_some() { &mut inner.failed } else { &mut inner.done };
            *count += 1;
        }
    }

    fn tick(&self, paused: bool) {
        let mut inner = self.inner.lock();
        let elapsed = self.begun.elapsed();
        let text = inner.text(elapsed, paused);
        if self.bars.is_some() {
            self.all.set_position(inner.done_weight());
            self.all.set_message(text);
        } else if elapsed >= inner.next_line {
            inner.next_line = elapsed + LINE_EVERY;
            self.say(&format!("reshard: {text}"));
        }
    }
}

impl Inner {
    /// With what is copied so far of the graphs in hand.
    fn done_weight(&self) -> u64 {
        let copied: u64 = self.current.values().map(|(bytes, _)| bytes).sum();
        self.done_weight.saturating_add(copied).min(self.weight)
    }

    fn text(&self, elapsed: Duration, paused: bool) -> String {
        let done = self.done_weight();
        let bytes = HumanBytes(done.saturating_sub((self.done + self.failed) as u64 * GRAPH_WEIGHT));
        let mut text = format!("{} of {} graphs, about {bytes}", self.done, self.graphs);
        if self.failed > 0 {
            text.push_str(&format!(", {} failed", self.failed));
        }
        if paused {
            text.push_str(", paused");
        } else if done > 0 && done < self.weight {
            let rest = (self.weight - done) as f64 / done as f64;
            let left = Duration::from_secs_f64((elapsed.as_secs_f64() * rest).min(u32::MAX.into()));
            text.push_str(&format!(", {} left", HumanDuration(left)));
        }
        text
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        self.all.finish_and_clear();
    }
}
