//! A party whose calls are messages that somebody else delivers.

use std::{any::Any, io::Read, rc::Rc};

use anyhow::Result;
use corosensei::Yielder;
use epistemic_storage::{
    graph::{Changes, Departure, Fenced, MAX_PAUSE, MoveOutcome, MoveRole, NameAfter, Origin},
    snapshot,
};
use send_wrapper::SendWrapper;

use super::world::{Place, Server};
use crate::hosts::{Admission, Changed, Content, Export, Look, Outcome, Party, Refusal, Status};
use crate::remote::ServiceTaken;

/// An answer, or that there is none.
pub(super) type Answer = Result<Box<dyn Any>>;

/// What a message does where it is delivered, as often as it is.
type Act = dyn Fn(&Server) -> Answer;

/// One request.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) to: Place,
    pub(super) name: &'static str,
    /// Whether it changes nothing, so that it does not matter when it comes if nobody waits for it.
    pub(super) is_read: bool,
    pub(super) act: Rc<Act>,
}

impl Message {
    /// Has the fence of this token stand for as long as it may.
    pub(super) fn renewal(to: Place, graph: &'static str, token: u64) -> Self {
        let lease_ms = MAX_PAUSE.as_millis() as u64;
        let act = move |server: &Server| {
            server.party.renew(graph, token, lease_ms)?;
            Ok(Box::new(()) as Box<dyn Any>)
        };
        Self { to, name: "renew", is_read: false, act: Rc::new(act) }
    }
}

/// The protocol, or one of those that it must not be: with a proof left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// What runs.
    Real,
    /// A graph leaves if its sequence number fits; no fence, graph or term is asked for.
    SequenceOnly,
    /// A refusal of the source changes nothing there.
    ForgetfulSource,
    /// The destination lets go of the name before the source has the graph again.
    NameLetGo,
}

/// A place that is reached by messages only.
pub(super) struct MessageParty<'y> {
    place: Place,
    protocol: Protocol,
    /// Used by the one thread that runs it.
    yielder: SendWrapper<&'y Yielder<Answer, Message>>,
}

impl<'y> MessageParty<'y> {
    pub(super) fn new(place: Place, protocol: Protocol, yielder: &'y Yielder<Answer, Message>) -> Self {
        Self { place, protocol, yielder: SendWrapper::new(yielder) }
    }

    fn read<T: 'static>(
        &self,
        name: &'static str,
        act: impl Fn(&Server) -> Result<T> + 'static,
    ) -> Result<T> {
        self.send(name, true, act)
    }

    fn step<T: 'static>(
        &self,
        name: &'static str,
        act: impl Fn(&Server) -> Result<T> + 'static,
    ) -> Result<T> {
        self.send(name, false, act)
    }

    fn send<T: 'static>(
        &self,
        name: &'static str,
        is_read: bool,
        act: impl Fn(&Server) -> Result<T> + 'static,
    ) -> Result<T> {
        let act = move |server: &Server| act(server).map(|answer| Box::new(answer) as Box<dyn Any>);
        let message = Message { to: self.place, name, is_read, act: Rc::new(act) };
        let answer = self.yielder.suspend(message)?;
        Ok(*answer.downcast().expect("each message has its own answer"))
    }
}

impl Party for MessageParty<'_> {
    fn endpoint(&self) -> &str {
        self.place.endpoint()
    }

    fn is_guarded(&self) -> Result<bool> {
        self.read("is_guarded", |server| server.party.is_guarded())
    }

    fn status(&self, graph: &str) -> Result<Option<Status>> {
        let graph = graph.to_owned();
        self.read("status", move |server| server.party.status(&graph))
    }

    fn look(&self, graph: &str, move_id: &str) -> Result<Look> {
        let (graph, move_id) = (graph.to_owned(), move_id.to_owned());
        self.read("look", move |server| server.party.look(&graph, &move_id))
    }

    fn export(&self, graph: &str) -> Result<Export> {
        let graph = graph.to_owned();
        let (origin, bytes) = self.read("export", move |server| {
            let found = server.graphs.graph(&graph)?;
            let origin = Origin { graph_id: found.id().number(), epoch: found.epoch() };
            let mut bytes = Vec::new();
            snapshot::export(&server.graphs, &found, &mut bytes, &mut |_| {})?;
            Ok((origin, bytes))
        })?;
        Ok(Export { origin, stream: Box::new(std::io::Cursor::new(bytes)) })
    }

    fn changes(&self, graph: &str, after: u64, max_bytes: usize) -> Result<Changes> {
        let graph = graph.to_owned();
        self.read("changes", move |server| server.party.changes(&graph, after, max_bytes))
    }

    fn content(&self, graph: &str) -> Result<Content> {
        let graph = graph.to_owned();
        self.read("content", move |server| server.party.content(&graph))
    }

    fn changed(&self, graph: &str, after: u64) -> Result<Changed> {
        let graph = graph.to_owned();
        self.read("changed", move |server| server.party.changed(&graph, after))
    }

    fn arrive(&self, graph: &str, move_id: &str, from: &str) -> Result<()> {
        let (graph, move_id, from) = (graph.to_owned(), move_id.to_owned(), from.to_owned());
        self.step("arrive", move |server| server.party.arrive(&graph, &move_id, &from))
    }

    fn fill(
        &self,
        graph: &str,
        move_id: &str,
        origin: Option<Origin>,
        input: &mut (dyn Read + Send),
        sent: &mut dyn FnMut(u64),
    ) -> Result<()> {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes)?;
        sent(bytes.len() as u64);
        let (graph, move_id) = (graph.to_owned(), move_id.to_owned());
        self.step("fill", move |server| {
            server.party.fill(&graph, &move_id, origin, &mut &bytes[..], &mut |_| {})
        })
    }

    fn replay(
        &self,
        graph: &str,
        move_id: &str,
        copy: Option<u64>,
        records: &[(u64, Vec<u8>)],
    ) -> Result<u64> {
        let (graph, move_id, records) = (graph.to_owned(), move_id.to_owned(), records.to_vec());
        self.step("replay", move |server| server.party.replay(&graph, &move_id, copy, &records))
    }

    fn fence(&self, graph: &str, move_id: &str, to: &str, lease_ms: u64) -> Result<Fenced> {
        let (graph, move_id, to) = (graph.to_owned(), move_id.to_owned(), to.to_owned());
        self.step("fence", move |server| server.party.fence(&graph, &move_id, &to, lease_ms))
    }

    fn renew(&self, graph: &str, token: u64, lease_ms: u64) -> Result<()> {
        let graph = graph.to_owned();
        self.step("renew", move |server| server.party.renew(&graph, token, lease_ms))
    }

    fn release(&self, graph: &str, token: u64) -> Result<()> {
        let graph = graph.to_owned();
        self.step("release", move |server| server.party.release(&graph, token))
    }

    fn depart(&self, graph: &str, move_id: &str, departure: &Departure) -> Result<()> {
        let (graph, move_id, departure) = (graph.to_owned(), move_id.to_owned(), departure.clone());
        let sequence_only = self.protocol == Protocol::SequenceOnly;
        self.step("depart", move |server| {
            if !sequence_only {
                return server.party.depart(&graph, &move_id, &departure);
            }
            let Fenced { token, graph_id, epoch, .. } =
                server.graphs.fence(&graph, &move_id, &departure.to, MAX_PAUSE)?;
            let proven = Departure { token, graph_id, epoch, ..departure.clone() };
            let left = server.party.depart(&graph, &move_id, &proven);
            server.party.release(&graph, token)?;
            left
        })
    }

    fn admit(&self, graph: &str, move_id: &str, agreed: &Admission) -> Result<()> {
        let (graph, move_id) = (graph.to_owned(), move_id.to_owned());
        let agreed = *agreed;
        self.step("admit", move |server| server.party.admit(&graph, &move_id, &agreed))
    }

    fn admit_as(
        &self,
        graph: &str,
        move_id: &str,
        agreed: &Admission,
        served: &str,
        replace: bool,
    ) -> Result<()> {
        let (graph, move_id, served) = (graph.to_owned(), move_id.to_owned(), served.to_owned());
        let agreed = *agreed;
        self.step("admit_as", move |server| {
            server.party.admit_as(&graph, &move_id, &agreed, &served, replace)
        })
    }

    fn checkpoint(&self) -> Result<()> {
        self.read("checkpoint", |server| server.party.checkpoint())
    }

    fn drop_records(&self, graph: &str, move_id: &str) -> Result<()> {
        let (graph, move_id) = (graph.to_owned(), move_id.to_owned());
        self.step("drop_records", move |server| server.party.drop_records(&graph, &move_id))
    }

    fn refuse(&self, graph: &str, move_id: &str, refusal: Refusal<'_>) -> Result<Look> {
        let (graph, move_id, peer) = (graph.to_owned(), move_id.to_owned(), refusal.peer.to_owned());
        let role = refusal.role;
        let forgets = role == MoveRole::Source && self.protocol == Protocol::ForgetfulSource;
        let name_after =
            if self.protocol == Protocol::NameLetGo { NameAfter::Free } else { refusal.name_after };
        self.step("refuse", move |server| {
            if !forgets {
                return server.party.refuse(&graph, &move_id, Refusal { role, peer: &peer, name_after });
            }
            let mut look = server.party.look(&graph, &move_id)?;
            let (outcome, epoch, graph_id, sequence) = (MoveOutcome::Refused, 0, 0, 0);
            look.outcome.get_or_insert(Outcome { outcome, role, epoch, graph_id, sequence });
            Ok(look)
        })
    }

    fn come_back(&self, graph: &str, move_id: &str) -> Result<()> {
        let (graph, move_id) = (graph.to_owned(), move_id.to_owned());
        self.step("come_back", move |server| server.party.come_back(&graph, &move_id))
    }

    fn export_service(&self) -> Result<Box<dyn Read + Send>> {
        let bytes = self.read("export_service", |server| {
            let mut bytes = Vec::new();
            server.party.export_service()?.read_to_end(&mut bytes)?;
            Ok(bytes)
        })?;
        Ok(Box::new(std::io::Cursor::new(bytes)))
    }

    fn import_service(&self, input: &mut (dyn Read + Send)) -> Result<ServiceTaken> {
        let mut bytes = Vec::new();
        input.read_to_end(&mut bytes)?;
        self.step("import_service", move |server| server.party.import_service(&mut &bytes[..]))
    }
}
