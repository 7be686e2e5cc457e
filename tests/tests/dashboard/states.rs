//! A shard that goes, a gateway that goes, no permission, no data, a session that has ended.

use std::time::Duration;

use anyhow::{Result, ensure};
use epistemic_tests::fake_gateway::FakeGateway;
use epistemic_tests::wait;

use super::Dashboard;

#[test]
fn figures_of_a_shard_that_is_down_stay_with_their_age() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open("/")?;
    dashboard.reads("23 of 24 shards healthy")?;
    let graphs = "document.querySelector('tr[data-shard=\"9\"] td[data-label=graphs]')?.innerText";
    dashboard.fake.say("down=9")?;
    dashboard.reads("22 of 24 shards healthy")?;
    dashboard.browser.wait_for(&format!("{graphs} === '4,188°'"))?;
    dashboard.browser.wait_for("document.title.startsWith('(1 down) ')")?;
    dashboard.reads("of them 4,188 graphs as of 12 min ago (shard-09)")?;
    dashboard.reads("4,188 graphs not served")?;
    // The worst is first.
    let first = dashboard.browser.eval("document.querySelector('#needs .note').innerText")?;
    ensure!(first.as_str().is_some_and(|first| first.contains("shard-09 unreachable")), "{first}");
    dashboard.open("/graphs")?;
    dashboard.reads("Without shard-09: 3,338 graphs as of 12 min ago are not in this list")?;
    dashboard.open("/shard/9")?;
    dashboard.reads("last answered 12 min ago")?;
    ensure!(dashboard.browser.eval("document.querySelectorAll('.card.stale').length")? == 2);
    dashboard.fake.say("")?;
    dashboard.reads("answered 0.")?;
    ensure!(dashboard.browser.eval("document.querySelectorAll('.card.stale').length")? == 0);
    dashboard.was_clean()
}

#[test]
fn a_gateway_that_is_away_is_told_and_heals() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open("/shard/7")?;
    let port = dashboard.fake.addr().port();
    let disk = "document.querySelector('.card .big').textContent";
    let before = dashboard.browser.eval(disk)?;
    let Dashboard { fake, mut browser } = dashboard;
    drop(fake);
    browser.wait_for("!document.querySelector('#banner').hidden")?;
    let told = browser.eval("document.querySelector('#banner').textContent")?;
    ensure!(
        told.as_str().is_some_and(|told| told.contains("The gateway does not answer since ")
            && told.contains("Figures below are from then.")),
        "{told}"
    );
    ensure!(browser.eval(disk)? == before);
    let _fake = FakeGateway::start_at(port)?;
    browser.wait_for("document.querySelector('#banner').hidden")?;
    browser.wait_for("document.querySelector('#charts .failure') === null")
}

#[test]
fn what_may_not_be_seen_is_named() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.fake.say("hidden=1")?;
    dashboard.open("/")?;
    dashboard.reads("12 graphs are hidden from viewer")?;
    dashboard.fake.say("scenario=denied")?;
    dashboard.open("/graphs")?;
    dashboard.reads("it needs the role operator")?;
    dashboard.fake.say("explore=0")?;
    dashboard.open("/explore?graph=x")?;
    dashboard.reads("The gateway was started without --explore")
}

#[test]
fn an_error_is_told_in_two_sentences_and_never_cut() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.fake.say("scenario=error")?;
    dashboard.open("/graphs")?;
    dashboard.reads("No shard answered. It is tried again by itself. ENGINE_UNREACHABLE")?;
    let whole = dashboard.browser.eval("document.querySelector('.failure details p').textContent.trim()")?;
    ensure!(whole.as_str().is_some_and(|whole| whole.ends_with("none said a word.")), "{whole}");
    dashboard.fake.say("")?;
    dashboard.reads("100,013 graphs")
}

#[test]
fn signing_in_leads_back() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open("/graph?name=a%2Fb%23c%3Fd%26e%3D%252e")?;
    dashboard.fake.say("token=yes")?;
    dashboard
        .browser
        .wait_for("location.pathname === '/login' && document.querySelector('#token') !== null")?;
    dashboard.browser.eval("document.querySelector('#token').focus()")?;
    dashboard.browser.type_text("0123456789abcdef")?;
    dashboard.browser.press("Enter")?;
    dashboard.browser.wait_for("location.pathname === '/graph' && document.querySelector('h1 .name')?.textContent === 'a/b#c?d&e=%2e'")?;
    dashboard.click("#sign-out button")?;
    dashboard.browser.wait_for("location.pathname === '/login'")
}

#[test]
fn a_page_that_nobody_sees_asks_nothing() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open("/shard/7")?;
    dashboard.browser.eval("Object.defineProperty(document, 'hidden', {get: () => true}), document.dispatchEvent(new Event('visibilitychange')), true")?;
    wait::pause(Duration::from_millis(1500));
    let before = dashboard.fake.say("")?.len();
    wait::pause(Duration::from_millis(3000));
    let after = dashboard.fake.say("")?.len();
    ensure!(before == after && before > 0, "{before} questions, then {after}");
    Ok(())
}

/// Nothing of it is a button for who may only look; the line for the shell is there instead.
#[test]
fn only_an_operator_has_buttons_that_change_something() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    let buttons = "[...document.querySelectorAll('#page button')].map((button) => button.textContent)";
    dashboard.open("/shard/7")?;
    let seen = dashboard.browser.eval(buttons)?;
    ensure!(!seen.to_string().contains("Checkpoint now"), "{seen}");
    ensure!(dashboard.browser.eval("document.querySelector('.command').textContent.includes('egctl checkpoint create --endpoint tcp://shard-07')")? == true);
    dashboard.fake.say("role=operator")?;
    dashboard.browser.wait_for(&format!("{buttons}.includes('Checkpoint now')"))?;
    dashboard.browser.eval(&format!(
        "[...document.querySelectorAll('#page button')][{buttons}.indexOf('Checkpoint now')].click()"
    ))?;
    dashboard.browser.wait_for(
        "document.querySelector('dialog[open]')?.innerText.includes('tcp://shard-07.internal:9101')",
    )?;
    dashboard.click("dialog .primary")?;
    dashboard.reads("Checkpoint of shard 7 made.")?;
    dashboard.open("/moves")?;
    let seen = dashboard.browser.eval(buttons)?.to_string();
    ensure!(seen.contains("Cancel") && seen.contains("Forget"), "{seen}");
    dashboard.was_clean()
}
