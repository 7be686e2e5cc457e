//! A program that moves the graph or gives the move up: the real one, stopped at each of its messages.

use std::rc::Rc;

use anyhow::Result;
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::super::{BeforeDrop, Control, Journal, Move, Receipt, Step, Timing, Watch, abort};
use super::{
    message::{Answer, Message, MessageParty, Protocol},
    world::Place,
};
use crate::hosts::{Look, Party};

/// What a program is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Move the graph, or finish its move.
    Move,
    /// Give the move up.
    Abort,
}

/// A program that may be started.
#[derive(Debug, Clone, Copy)]
pub(super) struct Script {
    pub(super) task: Task,
    pub(super) move_id: &'static str,
    pub(super) from: Place,
    /// Index of its directory, which has its journal.
    pub(super) directory: usize,
}

/// What came of a program.
pub(super) enum Ended {
    Moved(Result<Receipt>),
    GivenUp(Result<Look>),
}

/// A program that runs. Dropped, it is killed.
pub(super) struct Actor(Coroutine<Answer, Message, Ended>);

impl Script {
    pub(super) fn to(&self) -> Place {
        self.from.other()
    }

    /// Starts the program; it sends nothing before it is resumed.
    pub(super) fn start(self, graph: &'static str, protocol: Protocol, journal: Rc<Journal>) -> Actor {
        let run = move |yielder: &Yielder<Answer, Message>, _: Answer| {
            let source = MessageParty::new(self.from, protocol, yielder);
            let destination = MessageParty::new(self.to(), protocol, yielder);
            self.run(graph, &source, &destination, &journal)
        };
        Actor(Coroutine::new(run))
    }

    /// Runs the program to its end between these two.
    pub(super) fn run(
        self,
        graph: &str,
        source: &dyn Party,
        destination: &dyn Party,
        journal: &Journal,
    ) -> Ended {
        match self.task {
            Task::Abort => Ended::GivenUp(abort(graph, self.move_id, source, destination, None)),
            Task::Move => {
                let control = Control::new(None);
                let one = Move {
                    graph,
                    move_id: self.move_id,
                    source,
                    destination,
                    journal,
                    control: &control,
                    timing: Timing::stepwise(),
                    before_drop: BeforeDrop::Nothing,
                    watch: &Unwatched,
                };
                Ended::Moved(one.run())
            }
        }
    }
}

impl Actor {
    /// Gives it the answer it waits for; on the first time, anything.
    pub(super) fn resume(&mut self, answer: Answer) -> Result<Message, Box<Ended>> {
        match self.0.resume(answer) {
            CoroutineResult::Yield(message) => Ok(message),
            CoroutineResult::Return(ended) => Err(Box::new(ended)),
        }
    }
}

struct Unwatched;

impl Watch for Unwatched {
    fn step(&self, _: &str, _: &Step) -> Result<()> {
        Ok(())
    }

    fn copied(&self, _: &str, _: u64) {}
}
