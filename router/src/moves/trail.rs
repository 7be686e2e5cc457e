//! The way of one call from shard to shard.

use epistemic_protocol::{placement::Endpoint, redirect::Redirect};

/// So often a call is sent on at most, so that shards that name each other end in an error.
const MOST_HOPS: usize = 4;

/// How to go on to the shard that another named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// At once.
    Go,
    /// After a pause: it was asked before and did not serve the graph.
    WaitAndGo,
}

/// The shards that were asked for a graph.
#[derive(Debug, Default)]
pub(super) struct Trail {
    asked: Vec<Endpoint>,
    hops: usize,
    /// The shard whose `MOVED` led to the one that is asked now.
    signpost: Option<Endpoint>,
}

impl Trail {
    /// `here` does not serve the graph and said where it is. Nothing when that was followed often enough.
    ///
    /// Between the commit point of a move and the opening of the destination each of the two names the other (decision
    /// 0019). That passes, however long it takes, so it does not count.
    pub(super) fn follow(&mut self, here: &Endpoint, redirect: &Redirect) -> Option<Step> {
        let (next, signpost) = match redirect {
            Redirect::Moved { to, .. } => (to, Some(here)),
            Redirect::Arriving { from, .. } => (from, None),
        };
        let is_opening = signpost.is_none() && self.signpost.as_ref() == Some(next);
        self.hops = if is_opening { 0 } else { self.hops + 1 };
        self.signpost = signpost.cloned();
        if !self.asked.contains(here) {
            self.asked.push(here.clone());
        }
        let step = if self.asked.contains(next) { Step::WaitAndGo } else { Step::Go };
        (self.hops <= MOST_HOPS).then_some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Endpoint {
        Endpoint::parse(&format!("unix:///{name}")).unwrap()
    }

    fn moved(to: &str) -> Redirect {
        Redirect::Moved { graph: "g".to_owned(), to: place(to) }
    }

    fn arriving(from: &str) -> Redirect {
        Redirect::Arriving { graph: "g".to_owned(), from: place(from) }
    }

    #[test]
    fn four_signposts_are_followed_at_once_and_no_fifth() {
        let mut trail = Trail::default();
        for (here, to) in [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")] {
            assert_eq!(trail.follow(&place(here), &moved(to)), Some(Step::Go));
        }
        assert_eq!(trail.follow(&place("e"), &moved("f")), None);
    }

    #[test]
    fn shards_that_name_each_other_are_asked_slowly_and_not_for_long() {
        for says in [moved, arriving] {
            let mut trail = Trail::default();
            assert_eq!(trail.follow(&place("a"), &says("b")), Some(Step::Go));
            assert_eq!(trail.follow(&place("b"), &says("a")), Some(Step::WaitAndGo));
            assert_eq!(trail.follow(&place("a"), &says("b")), Some(Step::WaitAndGo));
            assert_eq!(trail.follow(&place("b"), &says("a")), Some(Step::WaitAndGo));
            assert_eq!(trail.follow(&place("a"), &says("b")), None);
        }
        let mut alone = Trail::default();
        assert_eq!(alone.follow(&place("a"), &moved("a")), Some(Step::WaitAndGo));
    }

    #[test]
    fn a_destination_that_is_about_to_open_is_waited_for() {
        let mut trail = Trail::default();
        assert_eq!(trail.follow(&place("a"), &moved("b")), Some(Step::Go));
        for _ in 0..100 {
            assert_eq!(trail.follow(&place("b"), &arriving("a")), Some(Step::WaitAndGo));
            assert_eq!(trail.follow(&place("a"), &moved("b")), Some(Step::WaitAndGo));
        }
    }
}
