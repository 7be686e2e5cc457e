//! The choice of the next write of channels and identities.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom;

use super::domain::Domain;
use super::op::Service;
use super::state::State;

const CHANNELS_PER_DOMAIN: u32 = 3;
const AGENTS_PER_DOMAIN: u32 = 5;

impl Domain {
    /// A request that succeeds on `state`.
    pub(super) fn next_service(&mut self, state: &State, random: &mut StdRng) -> Service {
        self.next_value += 1;
        let value = self.next_value;
        let agent =
            |random: &mut StdRng| format!("{}:a{}", self.name, random.random_range(0..AGENTS_PER_DOMAIN));
        if random.random_bool(0.2) {
            let subordinates = vec![agent(random), format!("{}:{value}", self.name)];
            return Service::Register {
                agent: agent(random),
                subordinates,
                teams: vec![format!("team {value}")],
            };
        }
        let channel = format!("{}:c{}", self.name, random.random_range(0..CHANNELS_PER_DOMAIN));
        let Some(open) = state.channels.get(&channel) else {
            return Service::CreateChannel { channel, members: vec![agent(random), agent(random)] };
        };
        let member = open.members.iter().choose(random).cloned().unwrap_or_default();
        match random.random_range(0..20) {
            0 => Service::Close { channel },
            1..4 => Service::Join { channel, agent: agent(random) },
            4..6 => Service::Leave { channel, agent: member },
            _ => Service::Send { channel, sender: member, payload: format!("message {value}") },
        }
    }
}
