use std::collections::HashMap;

use epistemic_router::{Affinity, EndpointList};
use epistemic_storage::graph::COMMONS;
use proptest::prelude::*;

use super::super::refusal::Code;
use super::*;
use crate::hosts::{StandingName, Status};

const ALL: [&str; 6] = [
    "tcp://shard-1:9101",
    "tcp://shard-2:9101",
    "tcp://shard-3:9101",
    "tcp://shard-4:9101",
    "unix:///run/shard-5.sock",
    "tcp://shard-6:9101",
];

fn list(endpoints: &[&str]) -> EndpointList {
    EndpointList::new(endpoints.iter().map(|text| Endpoint::parse(text).unwrap()).collect()).unwrap()
}

fn change(from: &[&str], to: &[&str]) -> Change {
    Change { from: list(from), to: list(to), affinity: Affinity::default() }
}

fn graph(name: &str, nodes: u64) -> GraphStats {
    GraphStats {
        name: name.to_owned(),
        kind: "Agent".to_owned(),
        owner: None,
        tenant: None,
        nodes,
        edges: 2 * nodes,
        sequence: 3 * nodes,
        ledger_from: None,
        ledger_keep: None,
        quarantined: None,
        bytes: Some(1000 * nodes),
        sizes: None,
        changed_ms: None,
    }
}

/// Empty running shards with room for everything, `__commons__` on each.
fn empty(change: &Change) -> Vec<Shard> {
    let shard = |(number, endpoint): (usize, &Endpoint)| Shard {
        endpoint: endpoint.clone(),
        directory: None,
        checkpoint: false,
        store_id: Some(number.to_string()),
        free_bytes: Some(u64::MAX),
        refusal: None,
        told: None,
        graphs: vec![graph(COMMONS, 0)],
        on_the_move: Vec::new(),
    };
    change.endpoints().into_iter().enumerate().map(shard).collect()
}

/// Graphs on the shards that the old list gives them to.
fn placed(change: &Change, names: impl IntoIterator<Item = String>) -> Vec<Shard> {
    let mut shards = empty(change);
    for (number, name) in names.into_iter().enumerate() {
        let owner = hrw::owner(&change.from, change.affinity.anchor(&name));
        let shard = shards.iter_mut().find(|shard| shard.endpoint == *owner).unwrap();
        shard.graphs.push(graph(&name, number as u64));
    }
    shards
}

fn tenants(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("tenant__{number}____bus__"))
}

/// Three shards and a fourth, with 1,000 graphs.
fn three_to_four() -> (Change, Vec<Shard>) {
    let change = change(&ALL[..3], &ALL[..4]);
    let shards = placed(&change, tenants(1000));
    (change, shards)
}

/// The one kind of refusal that there must be, with all texts.
#[track_caller]
fn refused(change: &Change, shards: &[Shard], code: Code) -> String {
    let refusals = plan(change, shards, None).expect_err("it was planned");
    assert!(refusals.iter().all(|refusal| refusal.code == code), "{refusals:?}");
    refusals.iter().map(|refusal| format!("{}: {}\n", refusal.what, refusal.remedy)).collect()
}

#[test]
fn a_fourth_shard_gets_a_quarter_and_nothing_else_moves() {
    let (change, shards) = three_to_four();
    let plan = plan(&change, &shards, None).unwrap();
    assert!((200..300).contains(&plan.moves.len()), "{} of 1,000 move", plan.moves.len());
    assert!(plan.moves.iter().all(|step| step.to == ALL[3] && step.misplaced.is_none()));
    assert_eq!(plan.pairs.len(), 3);
    assert_eq!(plan.moving.graphs + plan.staying.graphs, 1000);
    assert_eq!(plan.moving.nodes + plan.staying.nodes, 999 * 500);
    let sum = |counts: &dyn Fn(&Pair) -> u64| plan.pairs.iter().map(counts).sum::<u64>();
    assert_eq!(sum(&|pair| pair.counts.graphs), plan.moving.graphs);
    assert_eq!(sum(&|pair| pair.counts.bytes), plan.moving.bytes);
    let newcomer = &plan.shards[3];
    assert_eq!((newcomer.incoming, newcomer.outgoing), (plan.moving, Counts::default()));
    assert_eq!(newcomer.needed_bytes, 2 * plan.moving.bytes + ROOM_RESERVE);
    assert_eq!(plan.shards[0].needed_bytes, 0);
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    let ordered =
        |step: &Move| (plan.shards.iter().position(|shard| shard.endpoint == step.from), step.graph.clone());
    assert!(plan.moves.is_sorted_by_key(ordered));
}

#[test]
fn the_same_lists_move_only_what_is_misplaced() {
    let same = change(&ALL[..3], &ALL[..3]);
    let mut shards = placed(&same, tenants(100));
    assert!(plan(&same, &shards, None).unwrap().moves.is_empty());
    let (stray, home) = (shards[0].graphs.pop().unwrap(), shards[0].endpoint.to_string());
    shards[1].graphs.push(stray.clone());
    let plan = plan(&same, &shards, None).unwrap();
    let [step] = &plan.moves[..] else { panic!("{:?}", plan.moves) };
    assert_eq!((&step.graph, &step.from, &step.to), (&stray.name, &ALL[1].to_owned(), &home));
    assert_eq!(step.misplaced.as_ref(), Some(&home));
}

#[test]
fn what_is_already_on_a_new_shard_stays_there() {
    let (change, mut shards) = three_to_four();
    let arrived = plan(&change, &shards, None).unwrap().moves;
    for shard in &mut shards[..3] {
        shard.graphs.retain(|graph| arrived.iter().all(|step| step.graph != graph.name));
    }
    shards[3].graphs.extend(arrived.iter().map(|step| graph(&step.graph, step.nodes)));
    let plan = plan(&change, &shards, None).unwrap();
    assert_eq!((plan.moving, plan.staying.graphs), (Counts::default(), 1000));
}

#[test]
fn ingest_lanes_go_with_the_commons() {
    let change = change(&ALL[..1], &ALL[..4]);
    let lanes = ["__ingest__", "__ingest_a__", "__ingest_b__", "__ingest_c__"].map(str::to_owned);
    let plan = plan(&change, &placed(&change, lanes), None).unwrap();
    let home = hrw::owner(&change.to, COMMONS).as_str();
    assert_eq!(plan.moves.len(), if home == ALL[0] { 0 } else { 4 });
    assert!(plan.moves.iter().all(|step| step.to == home), "{:?}", plan.moves);
}

#[test]
fn commons_with_content_are_a_graph_and_empty_ones_are_none() {
    let change = change(&ALL[..3], &ALL[..4]);
    let mut shards = empty(&change);
    let (old, new) = (hrw::owner(&change.from, COMMONS), hrw::owner(&change.to, COMMONS));
    assert_ne!(old, new, "another list is needed to see it move");
    let at = |endpoint: &Endpoint| shards.iter().position(|shard| shard.endpoint == *endpoint).unwrap();
    let (source, destination) = (at(old), at(new));
    assert_eq!(plan(&change, &shards, None).unwrap().moves, []);
    shards[source].graphs[0] = graph(COMMONS, 50);
    let planned = plan(&change, &shards, None).unwrap();
    let [step] = &planned.moves[..] else { panic!("{:?}", planned.moves) };
    assert_eq!((&*step.graph, &*step.from, &*step.to, step.nodes), (COMMONS, old.as_str(), new.as_str(), 50));
    assert_eq!(step.misplaced, None);
    // Where it is not the old list's either.
    let stray = (0..3).find(|index| *index != source).unwrap();
    shards[source].graphs[0] = graph(COMMONS, 0);
    shards[stray].graphs[0] = graph(COMMONS, 50);
    let planned = plan(&change, &shards, None).unwrap();
    assert_eq!(planned.moves[0].misplaced.as_deref(), Some(old.as_str()));
    shards[destination].graphs[0] = graph(COMMONS, 1);
    assert!(refused(&change, &shards, Code::GraphConflict).contains("egctl owners resolve"));
}

#[test]
fn one_name_on_two_shards_is_refused_with_both() {
    let (change, mut shards) = three_to_four();
    shards[0].graphs.push(graph("twice", 5));
    shards[3].graphs.push(graph("twice", 0));
    let text = refused(&change, &shards, Code::GraphConflict);
    for part in ["graph twice", ALL[0], ALL[3], "5 nodes, 10 edges, sequence 15", "0 nodes"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn graphs_between_two_shards_are_refused_and_signposts_are_no_graphs() {
    let (change, mut shards) = three_to_four();
    let status = |name: &str, standing| Status {
        name: name.to_owned(),
        standing,
        sequence: 7,
        nodes: 0,
        edges: 0,
        arrived: None,
        move_id: Some("m1".to_owned()),
        from: Some(ALL[0].to_owned()),
        to: Some(ALL[4].to_owned()),
        dropped: false,
        graph_id: 1,
        epoch: 0,
        origin_id: None,
        origin_epoch: None,
        filling: None,
        fenced_by: None,
    };
    let served = shards[1].graphs[1].name.clone();
    let gone = Status { dropped: true, ..status("deleted since", StandingName::Moved) };
    shards[0].on_the_move = vec![status(&served, StandingName::Moved), gone];
    assert_eq!(plan(&change, &shards, None), plan(&change, &placed(&change, tenants(1000)), None));
    shards[0].on_the_move.push(status("lost", StandingName::Moved));
    shards[3].on_the_move.push(status("half", StandingName::Arriving));
    let text = refused(&change, &shards, Code::MoveUnfinished);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("graph half") && text.contains(ALL[3]) && text.contains("move m1"), "{text}");
    assert!(text.contains("graph lost") && text.contains("no shard serves it"), "{text}");
}

#[test]
fn a_damaged_graph_must_not_have_to_move() {
    let (change, mut shards) = three_to_four();
    let planned = plan(&change, &shards, None).unwrap();
    let step = &planned.moves[0];
    for graph in shards.iter_mut().flat_map(|shard| &mut shard.graphs) {
        let moves = graph.name == COMMONS || planned.moves.iter().any(|step| step.graph == graph.name);
        if graph.name == step.graph || !moves {
            graph.quarantined = Some("a checksum".to_owned());
        }
    }
    let text = refused(&change, &shards, Code::GraphQuarantined);
    assert!(text.contains(&step.graph) && text.contains("a checksum") && text.lines().count() == 1, "{text}");
}

#[test]
fn shards_that_take_no_writes_are_refused_when_they_take_part() {
    let (change, shards) = three_to_four();
    for index in [0, 3] {
        let mut shards = shards.clone();
        shards[index].refusal = Some("poisoned by a test".to_owned());
        let text = refused(&change, &shards, Code::ShardRefuses);
        assert!(text.contains(ALL[index]) && text.contains("poisoned by a test"), "{text}");
        // Without graphs it is not asked for anything.
        for shard in &mut shards {
            shard.graphs.clear();
        }
        assert!(plan(&change, &shards, None).is_ok());
    }
    let mut checkpoint = shards.clone();
    checkpoint[3].checkpoint = true;
    assert!(refused(&change, &checkpoint, Code::ShardRefuses).contains("egctl checkpoint restore"));
    let mut checkpoint = shards;
    checkpoint[0].checkpoint = true;
    assert!(plan(&change, &checkpoint, None).unwrap().warnings[0].contains("checkpoint"));
}

#[test]
fn a_destination_without_room_is_refused() {
    let (change, mut shards) = three_to_four();
    let needed = plan(&change, &shards, None).unwrap().shards[3].needed_bytes;
    shards[0].free_bytes = Some(0);
    shards[3].free_bytes = Some(needed);
    assert!(plan(&change, &shards, None).is_ok());
    shards[3].free_bytes = Some(needed - 1);
    let text = refused(&change, &shards, Code::NoRoom);
    assert!(text.contains(ALL[3]) && text.contains("free space"), "{text}");
    shards[3].free_bytes = None;
    let warnings = plan(&change, &shards, None).unwrap().warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("has room"), "{warnings:?}");
}

#[test]
fn two_endpoints_with_one_store_are_refused() {
    let (change, mut shards) = three_to_four();
    shards[3].store_id = shards[1].store_id.clone();
    let text = refused(&change, &shards, Code::SameStore);
    assert!(text.contains(ALL[1]) && text.contains(ALL[3]), "{text}");
    for shard in &mut shards {
        shard.store_id = None;
    }
    assert!(plan(&change, &shards, None).is_ok());
}

#[test]
fn other_lists_are_warned_about() {
    let change = change(&ALL[..3], &ALL[1..4]);
    let mut shards = placed(&change, tenants(10));
    shards[1].told = Some(list(&[ALL[2], ALL[1], ALL[0]]));
    shards[2].told = Some(list(&ALL[1..4]));
    assert_eq!(plan(&change, &shards, None).unwrap().warnings, [] as [&str; 0]);
    shards[2].told = Some(list(&ALL[..5]));
    for graph in &mut shards[0].graphs {
        graph.bytes = None;
    }
    let warnings = plan(&change, &shards, None).unwrap().warnings;
    let words = ["neither the old nor the new", "sizes of"];
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings.iter().zip(words).all(|(warning, words)| warning.contains(words)), "{warnings:?}");
}

#[test]
fn many_graphs_are_planned_at_once_and_the_saved_form_reads_back() {
    let change = change(&ALL[..3], &ALL[..4]);
    let mut shards = placed(&change, tenants(100_000));
    let first = plan(&change, &shards, None).unwrap();
    // Three standard deviations around a quarter.
    assert!((24_589..25_411).contains(&first.moves.len()), "{}", first.moves.len());
    for shard in &mut shards {
        shard.graphs.reverse();
    }
    let second = plan(&change, &shards, None).unwrap();
    let (first, second) = (serde_json::to_vec(&first).unwrap(), serde_json::to_vec(&second).unwrap());
    assert!(first == second, "the plan depends on the order of the answers");
    let read: Plan = serde_json::from_slice(&first).unwrap();
    assert!(serde_json::to_vec(&read).unwrap() == first, "the saved plan reads back differently");
}

proptest! {
    #[test]
    fn every_graph_ends_at_its_owner_and_nothing_else_moves(
        from in prop::sample::subsequence(&ALL[..], 1..=6),
        to in prop::sample::subsequence(&ALL[..], 1..=6),
        graphs in prop::collection::hash_map(".{0,12}", (0..5_u64, any::<prop::sample::Index>()), 0..60),
    ) {
        let change = change(&from, &to);
        let mut shards = empty(&change);
        let count = shards.len();
        for (name, (nodes, holder)) in &graphs {
            shards[holder.index(count)].graphs.push(graph(name, *nodes));
        }
        let plan = plan(&change, &shards, None).unwrap();
        let mut places: HashMap<String, String> = HashMap::new();
        for shard in &shards {
            let held = shard.graphs.iter().filter(|graph| !graph.is_empty_commons());
            places.extend(held.map(|graph| (graph.name.clone(), shard.endpoint.to_string())));
        }
        prop_assert_eq!(plan.moving.graphs as usize, plan.moves.len());
        prop_assert_eq!((plan.moving.graphs + plan.staying.graphs) as usize, places.len());
        for step in &plan.moves {
            prop_assert_ne!(&step.from, &step.to);
            let before = places.insert(step.graph.clone(), step.to.clone());
            prop_assert_eq!(before.as_ref(), Some(&step.from), "moved once, from where it is");
        }
        for (name, place) in &places {
            let owner = hrw::owner(&change.to, change.affinity.anchor(name));
            prop_assert_eq!(place, owner.as_str());
        }
        for (index, shard) in plan.shards.iter().enumerate() {
            let held = shards[index].graphs.len() as u64 - 1;
            let kept = held - shard.outgoing.graphs + shard.incoming.graphs;
            prop_assert_eq!(kept as usize, places.values().filter(|place| **place == shard.endpoint).count());
        }
    }
}
