//! On tokio's paused clock, so that edges are exact.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::{advance, sleep};

use super::*;

const COOLDOWN: Duration = Duration::from_secs(15);
const NS: Duration = Duration::from_nanos(1);

fn breaker(threshold: u32) -> Arc<Breaker> {
    let endpoint = Endpoint::parse("tcp://h:1").unwrap();
    Arc::new(Breaker::new(endpoint, BreakerOptions { threshold, cooldown: COOLDOWN }))
}

fn fail(breaker: &Arc<Breaker>, times: u32) {
    for _ in 0..times {
        breaker.admit().unwrap().failed("refused");
    }
}

fn answer(breaker: &Arc<Breaker>) {
    breaker.admit().unwrap().answered();
}

#[tokio::test(start_paused = true)]
async fn consecutive_failures_open_it_and_an_answer_starts_anew() {
    let breaker = breaker(5);
    fail(&breaker, 4);
    answer(&breaker);
    fail(&breaker, 4);
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), BreakerState::Open);
    let refusal = breaker.admit().unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "circuit breaker OPEN after 5 consecutive connection failures (last: refused); retrying in 15.0s"
    );
}

#[tokio::test(start_paused = true)]
async fn the_cooldown_ends_on_the_nanosecond() {
    let breaker = breaker(1);
    fail(&breaker, 1);
    sleep(COOLDOWN).await;
    // The clock of tokio's timers has steps of a millisecond; the breaker's has none.
    let opened = breaker.failing_since().unwrap();
    let elapsed = Instant::now() - opened;
    assert!(elapsed >= COOLDOWN);
    let mut machine = Machine::new(BreakerOptions { threshold: 1, cooldown: COOLDOWN });
    let ticket = machine.admit(opened).unwrap();
    machine.failed(ticket, opened, "refused");
    assert_eq!(machine.admit(opened + COOLDOWN - NS).unwrap_err().retry_in, Some(NS));
    assert!(machine.admit(opened + COOLDOWN).is_ok());
    assert_eq!(machine.state(), BreakerState::HalfOpen);
    // A clock that reads earlier than before must not panic.
    assert_eq!(machine.admit(opened).unwrap_err().retry_in, None);
}

#[tokio::test(start_paused = true)]
async fn one_probe_at_a_time_and_its_answer_closes() {
    let breaker = breaker(1);
    fail(&breaker, 1);
    advance(COOLDOWN).await;
    let mut probe = breaker.admit().unwrap();
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    let refusal = breaker.admit().unwrap_err();
    assert!(refusal.to_string().ends_with("probe already in flight"), "{refusal}");
    probe.answered();
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(breaker.admit().is_ok());
    drop(probe);
    assert_eq!(breaker.state(), BreakerState::Closed, "what was answered cannot be abandoned");
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_opens_for_another_cooldown() {
    let breaker = breaker(3);
    fail(&breaker, 3);
    advance(COOLDOWN).await;
    fail(&breaker, 1);
    assert_eq!(breaker.state(), BreakerState::Open);
    advance(COOLDOWN - NS).await;
    assert!(breaker.admit().is_err());
    advance(NS).await;
    assert!(breaker.admit().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_probe_leaves_its_place_to_the_next_caller() {
    let breaker = breaker(1);
    fail(&breaker, 1);
    advance(COOLDOWN).await;
    let probing = tokio::spawn({
        let breaker = Arc::clone(&breaker);
        async move {
            let _probe = breaker.admit().unwrap();
            std::future::pending::<()>().await;
        }
    });
    tokio::task::yield_now().await;
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    probing.abort();
    assert!(probing.await.unwrap_err().is_cancelled());
    assert_eq!(breaker.state(), BreakerState::Open);
    answer(&breaker);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn calls_that_one_event_ends_count_once() {
    let breaker = breaker(2);
    let passes: Vec<_> = (0..100).map(|_| breaker.admit().unwrap()).collect();
    passes.into_iter().for_each(|pass| pass.failed("reset"));
    assert_eq!(breaker.state(), BreakerState::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn calls_from_before_the_outage_do_not_disturb_the_probe() {
    let breaker = breaker(1);
    let (late_failure, mut late_answer) = (breaker.admit().unwrap(), breaker.admit().unwrap());
    fail(&breaker, 1);
    late_answer.answered();
    assert_eq!(breaker.state(), BreakerState::Open, "only the probe closes");
    advance(COOLDOWN).await;
    let mut probe = breaker.admit().unwrap();
    late_failure.failed("reset");
    drop(late_answer);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    probe.answered();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_pass_counts_again_after_an_answer() {
    let breaker = breaker(1);
    fail(&breaker, 1);
    advance(COOLDOWN).await;
    let mut probe = breaker.admit().unwrap();
    probe.answered();
    probe.failed("reset");
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn threshold_zero_never_opens() {
    let breaker = breaker(0);
    fail(&breaker, 1000);
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(breaker.failing_since().is_some());
}

#[tokio::test(start_paused = true)]
async fn extreme_cooldowns_do_not_overflow() {
    for (cooldown, admits) in [(Duration::ZERO, true), (Duration::MAX, false)] {
        let endpoint = Endpoint::parse("tcp://h:1").unwrap();
        let breaker = Arc::new(Breaker::new(endpoint, BreakerOptions { threshold: 1, cooldown }));
        fail(&breaker, 1);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.admit().is_ok(), admits);
    }
}

#[test]
fn everybody_in_the_process_has_the_same_breaker() {
    let endpoint = Endpoint::parse("unix:///everybody").unwrap();
    let other = Endpoint::parse("/everybody").unwrap();
    assert_eq!(state_of(&endpoint), BreakerState::Closed);
    let options = BreakerOptions { threshold: 1, ..BreakerOptions::default() };
    let breaker = Breaker::shared(&endpoint, options);
    assert!(Arc::ptr_eq(&breaker, &Breaker::shared(&endpoint, BreakerOptions::default())));
    assert!(!Arc::ptr_eq(&breaker, &Breaker::shared(&other, options)), "the text decides, as in placement");
    fail(&breaker, 1);
    assert_eq!(state_of(&endpoint), BreakerState::Open, "the first options hold");
}

#[test]
fn options_come_from_the_environment_of_the_reference() {
    let lookup = |name: &str| match name {
        "ENGINE_BREAKER_THRESHOLD" => Some("0".to_owned()),
        "ENGINE_BREAKER_COOLDOWN" => Some("2.5".to_owned()),
        _ => None,
    };
    let expected = BreakerOptions { threshold: 0, cooldown: Duration::from_millis(2500) };
    assert_eq!(BreakerOptions::resolve(&lookup).unwrap(), expected);
    let expected = BreakerOptions { threshold: 5, cooldown: Duration::from_secs(15) };
    assert_eq!(BreakerOptions::resolve(&|_: &str| None).unwrap(), expected);
}

/// Whatever a thousand callers do at once, there is never a second probe.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_never_share_a_probe() {
    let endpoint = Endpoint::parse("tcp://h:1").unwrap();
    let options = BreakerOptions { threshold: 1, cooldown: Duration::ZERO };
    let breaker = Arc::new(Breaker::new(endpoint, options));
    fail(&breaker, 1);
    let probes = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..1000 {
        let (breaker, probes) = (Arc::clone(&breaker), Arc::clone(&probes));
        callers.spawn(async move {
            for round in 0..20 {
                let Ok(pass) = breaker.admit() else { continue };
                // Never answered, so every pass is a probe.
                assert_eq!(probes.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                tokio::task::yield_now().await;
                assert_eq!(probes.fetch_sub(1, std::sync::atomic::Ordering::SeqCst), 1);
                if (caller + round) % 2 == 0 {
                    pass.failed("refused");
                }
            }
        });
    }
    while let Some(joined) = callers.join_next().await {
        joined.unwrap();
    }
    assert_eq!(breaker.state(), BreakerState::Open);
}

/// The rule in the words of its specification, as a list of what happened.
#[derive(Debug, Default)]
struct Model {
    failures: u32,
    opened: Option<u64>,
    probe: Option<usize>,
    /// Calls that began before the last counted failure or change, which count no more.
    stale: std::collections::HashSet<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Call,
    Answer(usize),
    Fail(usize),
    Drop(usize),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Call),
        2 => (0_usize..8).prop_map(Event::Answer),
        4 => (0_usize..8).prop_map(Event::Fail),
        1 => (0_usize..8).prop_map(Event::Drop),
        2 => (0_u64..12).prop_map(Event::Wait),
    ]
}

proptest! {
    #[test]
    fn agrees_with_the_model(
        threshold in 0_u32..4,
        cooldown in 0_u64..20,
        events in proptest::collection::vec(event(), 0..200),
    ) {
        let start = Instant::now();
        let mut machine = Machine::new(BreakerOptions { threshold, cooldown: Duration::from_secs(cooldown) });
        let (mut model, mut now) = (Model::default(), 0);
        let mut open: Vec<(usize, Ticket)> = Vec::new();
        for (index, event) in events.into_iter().enumerate() {
            let at = start + Duration::from_secs(now);
            let mut pick = |nth: usize| (!open.is_empty()).then(|| open.swap_remove(nth % open.len()));
            match event {
                Event::Wait(seconds) => now += seconds,
                Event::Call => {
                    let allowed = match model.opened {
                        None => true,
                        Some(opened) => model.probe.is_none() && now >= opened,
                    };
                    let admitted = machine.admit(at);
                    prop_assert_eq!(admitted.is_ok(), allowed);
                    if model.opened.is_some() && allowed {
                        model.probe = Some(index);
                    }
                    open.extend(admitted.ok().map(|ticket| (index, ticket)));
                }
                Event::Answer(nth) => {
                    let Some((call, ticket)) = pick(nth) else { continue };
                    let next = machine.answered(ticket);
                    if model.opened.is_none() || model.probe == Some(call) {
                        model.failures = 0;
                        if model.opened.take().is_some() {
                            model.stale.extend(open.iter().map(|(call, _)| *call));
                        }
                        model.probe = None;
                        model.stale.remove(&call);
                    }
                    open.push((call, next));
                }
                Event::Fail(nth) => {
                    let Some((call, ticket)) = pick(nth) else { continue };
                    machine.failed(ticket, at, "x");
                    if !model.stale.contains(&call) {
                        model.failures += 1;
                        model.stale.extend(open.iter().map(|(call, _)| *call));
                        if model.probe == Some(call) || (threshold > 0 && model.failures >= threshold) {
                            model.opened = Some(now + cooldown);
                            model.probe = None;
                        }
                    }
                }
                Event::Drop(nth) => {
                    let Some((call, ticket)) = pick(nth) else { continue };
                    machine.abandoned(ticket, at);
                    if model.probe == Some(call) {
                        model.probe = None;
                        model.opened = Some(now);
                    }
                }
            }
            let expected = match (model.opened, model.probe) {
                (None, _) => BreakerState::Closed,
                (Some(_), None) => BreakerState::Open,
                (Some(_), Some(_)) => BreakerState::HalfOpen,
            };
            prop_assert_eq!(machine.state(), expected);
            prop_assert_eq!(machine.failures(), model.failures);
        }
    }
}
