//! The end of a run: an operator finishes what has begun, or gives it up, and every message comes once more.

use std::rc::Rc;

use super::super::{Journal, begun};
use super::{
    Violation,
    actor::{Ended, Script, Task},
    message::Message,
    schedule::Run,
    violation,
    world::{Deed, Place, World},
};
use crate::hosts::{Party, StandingName, Status};

/// Commands after which an operator asks for help.
const PATIENCE: usize = 8;

impl Run<'_> {
    /// Ends the run in both ways that an operator has.
    pub(super) fn settle(mut self) -> Result<(), Violation> {
        self.arrive_late()?;
        let other = self.world.fork();
        for (first, mut world) in [(Task::Move, self.world), (Task::Abort, other)] {
            settle(&mut world, first, &self.journals, &self.sent)
                .map_err(|Violation(what)| Violation(format!("settled by {first:?}: {what}")))?;
        }
        Ok(())
    }
}

fn settle(
    world: &mut World,
    first: Task,
    journals: &[Rc<Journal>],
    sent: &[Message],
) -> Result<(), Violation> {
    finish(world, first, journals)?;
    for message in sent {
        // Most of them are refused, which is well.
        drop((message.act)(world.server(message.to)));
        world.check()?;
    }
    finish(world, first, journals)?;
    // Nothing keeps clients from their work.
    world.lapse();
    let deed = if world.model.is_some() { Deed::Write } else { Deed::Create };
    if !world.client(deed)? {
        return violation(format!("in the end {deed:?} is refused"));
    }
    world.check()
}

/// Goes on with each move that has begun until none is left.
fn finish(world: &mut World, first: Task, journals: &[Rc<Journal>]) -> Result<(), Violation> {
    let mut told = String::new();
    for _ in 0..PATIENCE {
        let Some((move_id, from)) = unfinished(world)? else { return world.check_settled() };
        world.lapse();
        let second = if first == Task::Move { Task::Abort } else { Task::Move };
        for task in [first, second] {
            let script = Script { task, move_id: known(&move_id)?, from, directory: 0 };
            world.runs.extend((task == Task::Move).then_some(script.move_id));
            let (source, destination) = (&world.server(from).party, &world.server(from.other()).party);
            let ended = script.run(world.graph, source, destination, &journals[0]);
            world.check()?;
            world.check_end(script, &ended)?;
            match ended {
                Ended::Moved(Ok(_)) | Ended::GivenUp(Ok(_)) => break,
                Ended::Moved(Err(error)) | Ended::GivenUp(Err(error)) => {
                    told = format!("{task:?}: {error:#}")
                }
            }
        }
    }
    violation(format!("it does not end: {told}"))
}

/// The move that has begun and not ended.
fn unfinished(world: &World) -> Result<Option<(String, Place)>, Violation> {
    for from in Place::BOTH {
        let [here, there] = [from, from.other()].map(|place| &world.server(place).party);
        let find = || {
            let begun =
                begun(world.graph, (from.endpoint(), Some(here)), (from.other().endpoint(), Some(there)))?;
            anyhow::Ok((begun, here.status(world.graph)?, there.status(world.graph)?))
        };
        let (begun, here, there) = find().map_err(|error| Violation(format!("{error:#}")))?;
        let Some(move_id) = begun else { continue };
        let left = |here: &Status| here.standing == StandingName::Moved && !here.dropped;
        if here.as_ref().is_some_and(left) || there.is_some_and(|there| there.arrives_by(&move_id)) {
            return Ok(Some((move_id, from)));
        }
    }
    Ok(None)
}

fn known(move_id: &str) -> Result<&'static str, Violation> {
    let known = super::search::MOVES.into_iter().find(|known| *known == move_id);
    known.map_or_else(|| violation(format!("a move {move_id} that nobody began")), Ok)
}
