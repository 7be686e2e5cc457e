//! A system that gives no threads any more.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use epistemic_tests::wait::poll;
use epistemic_tests::{ServerProcess, preload, transfer};

use super::{LIMIT, LOOK, check};

/// While the file that `NO_THREADS` names is there, no thread is started.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    const char *file = getenv("NO_THREADS");
    if (file && access(file, F_OK) == 0)
        return EAGAIN;
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
    return next(thread, attributes, start, argument);
}
"#;
/// Longer than idle threads for blocking work are kept by default.
const IDLE: Duration = Duration::from_secs(11);

#[test]
fn without_new_threads_all_goes_on_but_snapshots_which_say_so() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let library = preload::compile(SOURCE, folder.path())?;
    let none = folder.path().join("none");
    let mut server =
        ServerProcess::ours().metrics().env("LD_PRELOAD", library).env("NO_THREADS", &none).start()?;
    let mut client = server.client()?;
    client.create_graph("g")?;
    client.add_node("g", "first", b"\x80")?;
    client.create_graph("small")?;
    client.add_node("small", "only", b"\x80")?;

    #[expect(clippy::disallowed_methods, reason = "the time is what makes idle threads end")]
    std::thread::sleep(IDLE);
    fs_err::write(&none, "")?;
    let mut acknowledged = vec!["first".to_owned()];
    let properties = vec![7; 1 << 20];
    // Enough for several flushes.
    for number in 0..150 {
        let node = format!("n{number}");
        client.add_node("g", &node, &properties)?;
        acknowledged.push(node);
    }
    client.call("small", "ToMsgpack", None)?;
    client.call("", "Checkpoint", None)?;
    let refused = transfer::export(&mut client, "g", std::io::sink()).expect_err("it needs a thread");
    ensure!(refused.to_string().contains("BUSY: the system gives the server no thread"), "{refused:#}");
    ensure!(server.client()?.node_properties("g", "first")?.is_some(), "a new connection is served");
    check(&server, &acknowledged)?;

    fs_err::remove_file(&none)?;
    let exported = poll(LIMIT, LOOK, || transfer::export(&mut client, "g", std::io::sink()).map(Some))?;
    exported.context("snapshots are taken again")?;
    ensure!(server.has_exited()?.is_none());
    let server = server.restart()?;
    check(&server, &acknowledged)
}
