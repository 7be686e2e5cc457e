//! The page in a real browser, while one shard stops and comes back.

use std::os::unix::net::UnixListener;

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;
use epistemic_tests::binaries::bin_dir;
use epistemic_tests::browser::Browser;
use epistemic_tests::gateway::Gateway;

use super::looks::{can_be_read, can_be_walked_with_tab};
use super::{SECRET, Tier, endpoint};

/// A graph whose name would be markup.
const EVIL: &str = "<img src=x onerror=\"document.title='owned'\">";

fn card(endpoint: &str) -> String {
    format!("document.querySelector('[data-endpoint=\"{endpoint}\"] .state')?.textContent")
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
    let names = tier.endpoints();
    let pictures = bin_dir()?.join("dashboard");
    fs_err::create_dir_all(&pictures)?;

    let mut browser = Browser::start()?;
    let browser = &mut browser;
    browser.show_as(1280, 900, "light")?;
    let origin = format!("http://{}/", tier.gateway.addr());
    browser.open(&origin)?;
    browser.wait_for("document.querySelectorAll('.shard.is-good').length === 3")?;
    browser.wait_for("document.querySelectorAll('#graphs tbody tr').length === 50")?;
    ensure!(browser.eval(&card(&names[2]))? == "● reachable · breaker closed");

    tenant_box(browser)?;
    search(browser)?;
    can_be_walked_with_tab(browser)?;

    let down = tier.shards.pop().context("three shards")?;
    let builder = down.builder();
    drop(down);
    browser.wait_for(&format!("{} === '✕ unreachable · breaker open'", card(&names[2])))?;
    browser.wait_for("document.querySelector('#summary').textContent === '2 of 3 shards reachable'")?;
    browser.wait_for("document.querySelector('#missing').textContent.includes('Without the graphs of')")?;
    ensure!(browser.eval("document.querySelectorAll('.shard.is-good').length")? == 2);
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")] {
        can_be_read(browser, width, scheme)?;
        browser.screenshot(&pictures.join(format!("{width}-{scheme}.png")))?;
    }

    tier.shards.push(builder.start()?);
    browser.wait_for("document.querySelectorAll('.shard.is-good').length === 3")?;
    browser.wait_for("document.querySelector('#missing').textContent === ''")?;
    ensure!(browser.eval("document.title")? == "epistemic-graph shards");
    let elsewhere: Vec<_> = browser
        .requests()
        .into_iter()
        .filter(|url| !url.starts_with(&origin) && !url.starts_with("data:") && url != "about:blank")
        .collect();
    ensure!(elsewhere.is_empty() && !browser.requests().is_empty(), "requests to {elsewhere:?}");
    ensure!(browser.complaints().is_empty(), "{:#?}", browser.complaints());
    Ok(())
}

/// What is the worst of the cards is the heading's too: a shard that hangs, another secret, and no gateway any more.
#[test]
fn the_heading_is_never_greener_than_its_cards() -> Result<()> {
    let shard = ServerProcess::ours().start()?;
    let dir = tempfile::tempdir()?;
    let silent = dir.path().join("silent.sock");
    let _silent = UnixListener::bind(&silent)?;
    let (sound, hung) = (endpoint(&shard.builder()), format!("unix://{}", silent.display()));
    let mut browser = Browser::start()?;
    let browser = &mut browser;
    let heading = "document.querySelector('#summary').className";

    let gateway = Gateway::start(&format!("{sound},{hung}"), SECRET, &[])?;
    browser.open(&format!("http://{}/", gateway.addr()))?;
    browser.wait_for(&format!("{} === '✕ hung · breaker open'", card(&hung)))?;
    browser.wait_for(&format!("{} === '● reachable · breaker closed'", card(&sound)))?;
    let text = browser.eval("document.querySelector('#summary').textContent")?;
    ensure!(browser.eval(heading)? == "bad" && text == "1 of 2 shards reachable", "{text}");
    drop(gateway);
    browser.wait_for("document.querySelector('#freshness').textContent.includes('does not answer')")?;
    ensure!(browser.eval(heading)? == "bad");

    let stranger = Gateway::start(&sound, "another secret", &[])?;
    browser.open(&format!("http://{}/", stranger.addr()))?;
    browser.wait_for("document.querySelectorAll('.shard.is-warn').length === 1")?;
    browser.wait_for(&format!("{heading} === 'warn'"))?;
    drop(stranger);
    browser.wait_for(&format!("{heading} === 'bad'"))
}

/// With the keyboard alone: the shortcut, a name, Enter; then an id that collides and one without a slug.
fn tenant_box(browser: &mut Browser) -> Result<()> {
    let answers = "document.querySelector('#route-answers').innerText";
    browser.press("t")?;
    ensure!(browser.eval("document.activeElement.id")? == "route-name");
    for (tenant, expected) in [
        ("acme", "tenant__acme____bus__"),
        ("Acme Corp", "every id that is rewritten"),
        ("acme_corp", "Collision: "),
        ("株式会社", "has none of the characters"),
    ] {
        browser.type_text(tenant)?;
        browser.press("Enter")?;
        browser.wait_for(&format!("{answers}.includes({tenant:?}) && {answers}.includes({expected:?})"))?;
    }
    browser.press("Tab")?;
    ensure!(browser.eval("document.activeElement.textContent")? == "Show");
    Ok(())
}

/// A name that would be markup is found and is text.
fn search(browser: &mut Browser) -> Result<()> {
    browser.press("/")?;
    ensure!(browser.eval("document.activeElement.id")? == "search-text");
    browser.type_text("onerror")?;
    browser.wait_for("document.querySelectorAll('#graphs tbody tr').length === 1")?;
    let shown = browser.eval("document.querySelector('#graphs tbody .name').textContent")?;
    ensure!(shown == EVIL, "{shown}");
    ensure!(browser.eval("document.images.length")? == 0);
    browser.eval("document.querySelector('#search-text').select()")?;
    browser.type_text("t1")?;
    browser.wait_for("document.querySelectorAll('#graphs tbody tr').length === 11")?;
    Ok(())
}
