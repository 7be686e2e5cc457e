//! One run: a list of events, each of which is one of those that could be next.

use std::rc::Rc;

use anyhow::anyhow;
use epistemic_router::{CallError, Endpoint};
use epistemic_storage::graph::Fenced;

use super::super::Journal;
use super::{
    Violation,
    actor::{Actor, Ended, Script, Task},
    message::{Answer, Message, Protocol},
    world::{Deed, Place, World},
};

/// What may happen next. What is said of a message is said of that of the program whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// It is delivered and answered.
    Deliver,
    /// It is lost.
    LoseRequest,
    /// It is delivered, its answer is lost.
    LoseAnswer,
    /// It is held up; its sender hears nothing.
    Hold,
    /// It is delivered and answered, and a second one like it is held up.
    Double,
    /// Its sender dies before it is sent.
    Kill,
    /// It is delivered to a place whose answer finds nobody.
    DeliverAndKill,
    /// It is held up, and its sender dies.
    HoldAndKill,
    /// The server is killed and started again. A message to it is lost.
    Crash(Place),
    /// It is delivered, and the server is killed before it answers.
    DeliverAndCrash,
    /// All leases lapse.
    Lapse,
    /// A client does something.
    Client(Deed),
    /// A program begins, and has its turn until it ends.
    Start(usize),
    /// Another program that has begun has its turn.
    Switch(usize),
    /// A message that was held up arrives.
    Late(usize),
    /// Nobody has anything left to do.
    Quiet,
}

/// What the programs and clients of a run may be.
pub(super) struct Cast {
    /// The graph that is moved.
    pub(super) graph: &'static str,
    /// The first one begins.
    pub(super) scripts: &'static [Script],
    /// What clients may do while there is a graph.
    pub(super) deeds: &'static [Deed],
    pub(super) protocol: Protocol,
}

/// A program that may be started, or was.
enum Slot {
    Waiting,
    Runs { actor: Actor, pending: Message },
    Over,
}

/// One run.
pub(super) struct Run<'c> {
    pub(super) world: World,
    pub(super) cast: &'c Cast,
    slots: Vec<Slot>,
    /// The programs that have begun; the last one has its turn.
    turns: Vec<usize>,
    /// The journals of the directories.
    pub(super) journals: Vec<Rc<Journal>>,
    /// Messages on their way whose senders wait no more.
    held: Vec<Message>,
    /// All messages that change something, as often as they were sent.
    pub(super) sent: Vec<Message>,
    lost: Endpoint,
}

impl<'c> Run<'c> {
    pub(super) fn new(world: World, cast: &'c Cast) -> Result<Self, Violation> {
        let directories = cast.scripts.iter().map(|script| script.directory + 1).max().unwrap_or(0);
        let mut run = Self {
            world,
            cast,
            slots: cast.scripts.iter().map(|_| Slot::Waiting).collect(),
            turns: Vec::new(),
            journals: (0..directories).map(|_| Rc::new(Journal::in_memory())).collect(),
            held: Vec::new(),
            sent: Vec::new(),
            lost: Endpoint::parse("tcp://lost:1").map_err(|error| Violation(error.to_string()))?,
        };
        run.start(0)?;
        run.world.check()?;
        Ok(run)
    }

    /// What may happen next, the undisturbed course first.
    pub(super) fn events(&self, events: &mut Vec<Event>) {
        events.clear();
        match self.turn() {
            None => events.push(Event::Quiet),
            Some((_, pending)) => {
                events.extend([Event::Deliver, Event::LoseRequest, Event::Kill]);
                if !pending.is_read {
                    events.extend([
                        Event::LoseAnswer,
                        Event::Hold,
                        Event::Double,
                        Event::DeliverAndKill,
                        Event::HoldAndKill,
                        Event::DeliverAndCrash,
                    ]);
                }
            }
        }
        events.extend(Place::BOTH.map(Event::Crash));
        events.push(Event::Lapse);
        if self.world.model.is_some() {
            events.extend(self.cast.deeds.iter().copied().map(Event::Client));
        } else {
            events.push(Event::Client(Deed::Create));
        }
        for (index, slot) in self.slots.iter().enumerate() {
            match slot {
                Slot::Waiting => events.push(Event::Start(index)),
                Slot::Runs { .. } if self.turns.last() != Some(&index) => events.push(Event::Switch(index)),
                Slot::Runs { .. } | Slot::Over => {}
            }
        }
        events.extend((0..self.held.len()).map(Event::Late));
    }

    /// What the event is about, for people.
    pub(super) fn tell(&self, event: Event) -> String {
        let turn = self.turn().map(|(index, pending)| {
            let Script { task, move_id, .. } = self.cast.scripts[index];
            format!(" [{index}: {task:?} {move_id}, {} to {:?}]", pending.name, pending.to)
        });
        let mut told = format!("{event:?}{}", turn.unwrap_or_default());
        if let Event::Late(index) = event {
            let Message { to, name, .. } = &self.held[index];
            told += &format!(": {name} to {to:?}");
        }
        told
    }

    /// Has the event happen, and checks what must hold.
    pub(super) fn apply(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Quiet => {}
            Event::Lapse => self.world.lapse(),
            Event::Client(deed) => drop(self.world.client(deed)?),
            Event::Start(index) => self.start(index)?,
            Event::Switch(index) => {
                self.turns.retain(|other| *other != index);
                self.turns.push(index);
            }
            Event::Late(index) => {
                let message = self.held.remove(index);
                // Nobody waits for the answer.
                drop(self.deliver(&message));
            }
            Event::Crash(place) => {
                self.world.crash(place);
                if self.turn().is_some_and(|(_, pending)| pending.to == place) {
                    self.answer(Err(self.no_answer()))?;
                }
            }
            Event::Deliver
            | Event::LoseRequest
            | Event::LoseAnswer
            | Event::Hold
            | Event::Double
            | Event::Kill
            | Event::DeliverAndKill
            | Event::HoldAndKill
            | Event::DeliverAndCrash => self.message(event)?,
        }
        self.world.check()
    }

    fn message(&mut self, event: Event) -> Result<(), Violation> {
        let Some((index, pending)) = self.turn() else { return Ok(()) };
        let message = pending.clone();
        let is_held = matches!(event, Event::Hold | Event::Double | Event::HoldAndKill);
        let is_delivered =
            !matches!(event, Event::LoseRequest | Event::Hold | Event::Kill | Event::HoldAndKill);
        let is_answered = matches!(event, Event::Deliver | Event::Double);
        if is_held {
            self.held.push(message.clone());
        }
        let answer = is_delivered.then(|| self.deliver(&message));
        if let Some(Ok(answer)) = &answer
            && let Some(fenced) = answer.downcast_ref::<Fenced>()
        {
            // The mover renews the lease on a connection of its own.
            self.held.push(Message::renewal(message.to, self.world.graph, fenced.token));
        }
        if event == Event::DeliverAndCrash {
            self.world.crash(message.to);
        }
        if matches!(event, Event::Kill | Event::DeliverAndKill | Event::HoldAndKill) {
            self.slots[index] = Slot::Over;
            self.turns.pop();
            return Ok(());
        }
        // What was delivered shows before its sender does anything else.
        self.world.check()?;
        let answer = answer.filter(|_| is_answered);
        self.answer(answer.unwrap_or_else(|| Err(self.no_answer())))
    }

    pub(super) fn deliver(&mut self, message: &Message) -> Answer {
        if !message.is_read {
            self.sent.push(message.clone());
        }
        (message.act)(self.world.server(message.to))
    }

    fn start(&mut self, index: usize) -> Result<(), Violation> {
        let script = self.cast.scripts[index];
        if script.task == Task::Move {
            self.world.wiped[script.from as usize] = true;
            self.world.runs.push(script.move_id);
        }
        let graph = self.world.graph;
        let mut actor = script.start(graph, self.cast.protocol, Rc::clone(&self.journals[script.directory]));
        let first = actor.resume(Err(anyhow!("nothing was asked yet")));
        self.turns.push(index);
        self.go_on(index, actor, first)
    }

    /// Gives the program whose turn it is an answer.
    fn answer(&mut self, answer: Answer) -> Result<(), Violation> {
        let Some(index) = self.turns.last().copied() else { return Ok(()) };
        let Slot::Runs { mut actor, .. } = std::mem::replace(&mut self.slots[index], Slot::Over) else {
            return Ok(());
        };
        let next = actor.resume(answer);
        self.go_on(index, actor, next)
    }

    fn go_on(
        &mut self,
        index: usize,
        actor: Actor,
        next: Result<Message, Box<Ended>>,
    ) -> Result<(), Violation> {
        match next {
            Ok(pending) => {
                self.slots[index] = Slot::Runs { actor, pending };
                Ok(())
            }
            Err(ended) => {
                self.slots[index] = Slot::Over;
                self.turns.retain(|other| *other != index);
                self.world.check_end(self.cast.scripts[index], &ended)
            }
        }
    }

    fn turn(&self) -> Option<(usize, &Message)> {
        let index = *self.turns.last()?;
        match &self.slots[index] {
            Slot::Runs { pending, .. } => Some((index, pending)),
            Slot::Waiting | Slot::Over => None,
        }
    }

    fn no_answer(&self) -> anyhow::Error {
        CallError::ConnectionLost { endpoint: self.lost.clone(), cause: "it was lost".into() }.into()
    }

    /// Everybody has ended or died; what is on its way arrives.
    pub(super) fn arrive_late(&mut self) -> Result<(), Violation> {
        while !self.held.is_empty() {
            self.apply(Event::Late(0))?;
        }
        Ok(())
    }
}
