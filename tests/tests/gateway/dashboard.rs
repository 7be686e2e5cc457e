//! The page in a real browser over a real tier, while one shard stops and comes back. What it looks like in every other state is
//! tested over made-up answers: `dashboard/`.

use std::os::unix::net::UnixListener;

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use epistemic_tests::browser::Browser;
use epistemic_tests::gateway::Gateway;

use super::{SECRET, Tier, endpoint};

/// A graph whose name would be markup.
const EVIL: &str = "<img src=x onerror=\"document.title='owned'\">";

fn row(shard: usize) -> String {
    format!("document.querySelector('tr[data-shard=\"{shard}\"]')")
}

#[test]
fn the_page_shows_a_shard_going_and_coming_back() -> Result<()> {
    let mut tier = Tier::start()?;
    let mut client = tier.shards[0].client()?.acting_as("ann");
    client.create_graph(EVIL)?;
    client.add_node(EVIL, "n", b"\x80")?;
    for index in 0..80 {
        client.create_graph(&format!("tenant__t{index}____bus__"))?;
    }
    tier.shards[2].client()?.create_graph("on-the-third")?;

    let mut browser = Browser::start()?;
    let browser = &mut browser;
    browser.show_as(1440, 900, "light")?;
    let origin = format!("http://{}/", tier.gateway.addr());
    browser.open(&origin)?;
    for shard in 1..=3 {
        browser.wait_for(&format!(
            "{}?.dataset.mood !== 'bad' && {0}?.dataset.mood !== undefined",
            row(shard)
        ))?;
    }
    graphs(browser)?;

    let down = tier.shards.pop().context("three shards")?;
    let builder = down.builder();
    drop(down);
    browser.wait_for(
        "document.querySelector('.partial')?.innerText.includes('Without shard-03: 2 graphs as of ')",
    )?;
    browser.eval("document.querySelector('#nav a').click()")?;
    browser.wait_for(&format!(
        "{}?.innerText.includes('✕ unreachable') && {0}.dataset.mood === 'bad'",
        row(3)
    ))?;
    browser.wait_for("document.title.startsWith('(1 down) ')")?;
    // The figures of the shard that is down are still there.
    browser.wait_for(&format!("{}.querySelector('[data-label=graphs]').innerText === '2°'", row(3)))?;
    browser.wait_for("document.querySelector('#needs .note').innerText.includes('shard-03 unreachable')")?;

    tier.shards.push(builder.start()?);
    browser.wait_for(&format!("{}?.dataset.mood !== 'bad'", row(3)))?;
    browser.wait_for("!document.title.startsWith('(')")?;
    let elsewhere: Vec<_> = browser
        .requests()
        .into_iter()
        .filter(|url| !url.starts_with(&origin) && !url.starts_with("data:") && url != "about:blank")
        .collect();
    ensure!(elsewhere.is_empty() && !browser.requests().is_empty(), "requests to {elsewhere:?}");
    ensure!(browser.complaints().is_empty(), "{:#?}", browser.complaints());
    Ok(())
}

/// A name that would be markup is found, is text, and has a page with its figures.
fn graphs(browser: &mut Browser) -> Result<()> {
    browser.eval("document.querySelector('#nav a[href=\"/graphs\"]').click()")?;
    browser.wait_for("document.querySelector('.count')?.innerText === '83 graphs'")?;
    browser.eval("document.querySelector('#filter').focus()")?;
    browser.type_text("onerror")?;
    browser.wait_for("document.querySelectorAll('tbody tr[data-row]').length === 1")?;
    browser.eval("document.querySelector('tbody .namelink').click()")?;
    browser.wait_for(&format!("document.querySelector('h1 .name')?.textContent === {EVIL:?}"))?;
    browser.wait_for("document.querySelector('.facts')?.innerText.includes('Nodes\\n1')")?;
    ensure!(browser.eval("document.images.length")? == 0);
    browser.eval("history.back()")?;
    browser.wait_for("document.querySelectorAll('tbody tr[data-row]').length === 1")?;
    browser.eval("document.querySelector('#filter').select()")?;
    browser.type_text("t1")?;
    browser.wait_for("document.querySelectorAll('tbody tr[data-row]').length === 11")
}

/// What is the worst of the rows is the heading's too: a shard that hangs, another secret, and no gateway any more.
#[test]
fn the_heading_is_never_greener_than_its_rows() -> Result<()> {
    let shard = ServerProcess::ours().start()?;
    let dir = tempfile::tempdir()?;
    let silent = dir.path().join("silent.sock");
    let _silent = UnixListener::bind(&silent)?;
    let (sound, hung) = (endpoint(&shard.builder()), format!("unix://{}", silent.display()));
    let mut browser = Browser::start()?;
    let browser = &mut browser;
    let heading = "document.querySelector('h1 span')?.className";

    let gateway = Gateway::start(&format!("{sound},{hung}"), SECRET, &[])?;
    browser.open(&format!("http://{}/", gateway.addr()))?;
    browser.wait_for(&format!("{}?.innerText.includes('✕ hangs')", row(2)))?;
    browser.wait_for(&format!("{}.dataset.mood !== 'bad'", row(1)))?;
    ensure!(browser.eval(heading)? == "bad");
    drop(gateway);
    browser.wait_for("document.querySelector('#banner').textContent.includes('does not answer')")?;

    let stranger = Gateway::start(&sound, "another secret", &[])?;
    browser.open(&format!("http://{}/", stranger.addr()))?;
    browser.wait_for(&format!("['warn', 'bad', 'unknown'].includes({}?.dataset.mood)", row(1)))?;
    browser.wait_for(&format!("['warn', 'bad'].includes({heading})"))
}
