//! Tests of the threads and who gets them.

use std::sync::mpsc;

use rayon::prelude::*;

use super::*;

/// Graphs of one tenant each.
fn names() -> [Account; 3] {
    ["a", "b", "c"].map(|name| account(name, name))
}

fn account(tenant: &str, graph: &str) -> Account {
    Account { tenant: tenant.into(), graph: graph.into() }
}

/// One graph uses at most `share` of the `threads`.
fn pool(threads: usize, share: usize, parallel: usize) -> ComputePool {
    let shares = Shares { threads, graph: share, tenant: threads, long: 8, long_niceness: LEAST };
    ComputePool::start("test", shares, parallel, None).unwrap()
}

/// Queues a job that ends when the sender is used or dropped.
fn block(pool: &ComputePool, graph: &Account) -> mpsc::Sender<()> {
    let (release, gate) = mpsc::channel();
    let (begun, running) = mpsc::channel();
    pool.submit(graph, &Cancel::default(), move || {
        begun.send(()).unwrap();
        let _ = gate.recv();
    });
    running.recv().unwrap();
    release
}

#[test]
fn one_graph_leaves_threads_to_the_others() {
    let pool = pool(2, 1, 2);
    let [a, b, _] = names();
    let release = block(&pool, &a);
    let (done, finished) = mpsc::channel();
    for graph in [&a, &b] {
        let (graph, done) = (graph.clone(), done.clone());
        pool.submit(&graph.clone(), &Cancel::default(), move || done.send(graph).unwrap());
    }
    assert_eq!(finished.recv().unwrap(), b, "the first job of `a` still runs");
    drop(release);
    assert_eq!(finished.recv().unwrap(), a);
}

#[test]
fn graphs_take_turns() {
    let pool = pool(1, 1, 1);
    let [a, b, c] = names();
    let release = block(&pool, &a);
    let (done, finished) = mpsc::channel();
    for (number, graph) in [&a, &a, &b, &b, &c].into_iter().enumerate() {
        let done = done.clone();
        pool.submit(graph, &Cancel::default(), move || done.send(number).unwrap());
    }
    drop((release, done));
    assert_eq!(finished.iter().collect::<Vec<_>>(), [0, 2, 4, 1, 3]);
}

#[test]
fn cancelled_jobs_are_dropped_and_the_others_stay() {
    let pool = pool(1, 1, 1);
    let [a, b, _] = names();
    let release = block(&pool, &a);
    let (done, finished) = mpsc::channel();
    let cancels = [(&a, 0), (&b, 1), (&a, 2)].map(|(graph, number)| {
        let (cancel, done) = (Cancel::default(), done.clone());
        pool.submit(graph, &cancel, move || done.send(number).unwrap());
        cancel
    });
    assert_eq!(pool.load(), (1, 3));
    cancels[..2].iter().for_each(Cancel::cancel);
    pool.discard_cancelled();
    assert_eq!(pool.load(), (1, 1));
    drop((release, done));
    assert_eq!(finished.iter().collect::<Vec<_>>(), [2]);
}

#[test]
fn parallel_parts_do_not_wait_for_each_other() {
    let pool = Arc::new(pool(2, 1, 2));
    let [a, b, _] = names();
    let (release, gate) = mpsc::channel::<()>();
    let (begun, running) = mpsc::channel();
    let first = Arc::clone(&pool);
    pool.submit(&a, &Cancel::default(), move || {
        first.parallel(move || {
            begun.send(()).unwrap();
            let _ = gate.recv();
        });
    });
    running.recv().unwrap();
    let (done, finished) = mpsc::channel();
    let second = Arc::clone(&pool);
    pool.submit(&b, &Cancel::default(), move || {
        let threads = second.parallel(rayon::current_num_threads);
        let sum = second.parallel(|| (0..1_000_000_u64).into_par_iter().sum::<u64>());
        done.send((threads, sum)).unwrap();
    });
    assert_eq!(finished.recv().unwrap(), (1, 499_999_500_000));
    drop(release);
}

#[test]
fn a_panic_does_not_cost_a_thread() {
    let pool = pool(1, 1, 1);
    let [a, ..] = names();
    let (done, finished) = mpsc::channel();
    pool.submit(&a, &Cancel::default(), || panic!("on purpose"));
    pool.submit(&a, &Cancel::default(), move || done.send(1).unwrap());
    assert_eq!(finished.recv().unwrap(), 1);
}

#[test]
fn one_tenant_leaves_threads_to_the_others_however_many_graphs_it_has() {
    let shares = Shares { threads: 2, graph: 1, tenant: 1, long: 0, long_niceness: LEAST };
    let pool = ComputePool::start("test", shares, 1, None).unwrap();
    let release = block(&pool, &account("many", "1"));
    let (done, finished) = mpsc::channel();
    for (tenant, graph) in [("many", "2"), ("many", "3"), ("other", "g")] {
        let done = done.clone();
        pool.submit(&account(tenant, graph), &Cancel::default(), move || done.send(graph).unwrap());
    }
    assert_eq!(finished.recv().unwrap(), "g");
    drop(release);
    assert_eq!([finished.recv().unwrap(), finished.recv().unwrap()], ["2", "3"]);
}

#[test]
fn long_work_gives_its_place_to_others() {
    let shares = Shares { threads: 2, graph: 2, tenant: 2, long: 8, long_niceness: LEAST };
    let pool = ComputePool::start("test", shares, 1, None).unwrap();
    let releases: Vec<_> = ["1", "2", "3", "4"].map(|graph| block(&pool, &account("many", graph))).into();
    assert_eq!(pool.load(), (4, 0), "all four run, on more than two threads");
    let (done, finished) = mpsc::channel();
    pool.submit(&account("other", "g"), &Cancel::default(), move || done.send(()).unwrap());
    finished.recv().unwrap();
    drop(releases);
}

#[test]
fn work_is_told_to_end_at_its_deadline() {
    let shares = Shares { threads: 1, graph: 1, tenant: 1, long: 0, long_niceness: LEAST };
    let pool = ComputePool::start("test", shares, 1, Some(Duration::from_millis(1))).unwrap();
    let (cancel, (done, finished)) = (Cancel::default(), mpsc::channel());
    let own = cancel.clone();
    pool.submit(&account("t", "g"), &cancel, move || {
        while own.check().is_ok() {
            std::thread::yield_now();
        }
        done.send(own.is_overdue()).unwrap();
    });
    assert!(finished.recv().unwrap());
}
