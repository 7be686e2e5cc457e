//! Everything with the keyboard alone.

use anyhow::{Result, ensure};

use super::{Dashboard, GRAPH};

const FOCUS: &str = "(() => { const at = document.activeElement, style = getComputedStyle(at); return [at === document.body ? '' : at.id || at.textContent.trim().slice(0, 40), \
     style.outlineStyle === 'solid' && parseFloat(style.outlineWidth) >= 2, at.matches(':focus-visible')]; })()";

#[test]
fn from_the_search_to_a_path_and_out() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open("/")?;
    let browser = &mut dashboard.browser;
    browser.press("/")?;
    browser.type_text("acme")?;
    browser.wait_for("document.querySelectorAll('#find-hits [role=option]').length > 1")?;
    browser.press("Enter")?;
    browser.wait_for(&format!(
        "location.pathname === '/graph' && document.querySelector('h1 .name')?.textContent === {GRAPH:?}"
    ))?;
    browser.wait_for("document.activeElement === document.querySelector('h1')")?;
    // The link to the explorer is reached with Tab.
    browser.wait_for("document.querySelector('a.button') !== null")?;
    tab_to(&mut dashboard, "Explore ›")?;
    let browser = &mut dashboard.browser;
    browser.press("Enter")?;
    browser.wait_for("location.pathname === '/explore' && document.querySelector('.result') !== null")?;
    browser.eval("document.querySelector('#node-search').focus()")?;
    browser.type_text("claim:shard")?;
    browser.wait_for("document.querySelectorAll('.result').length === 1")?;
    tab_to(&mut dashboard, "C")?;
    let browser = &mut dashboard.browser;
    browser.press("Enter")?;
    browser.wait_for("document.querySelector('.status').innerText.startsWith('51 nodes')")?;
    browser.wait_for("document.querySelector('.properties') !== null")?;
    browser.eval("document.querySelector('canvas').focus()")?;
    browser.press("e")?;
    browser.wait_for("document.querySelector('.status').innerText.startsWith('101 nodes')")?;
    browser.press("u")?;
    browser.wait_for("document.querySelector('.status').innerText.startsWith('51 nodes')")?;
    browser.press("p")?;
    browser.wait_for("document.activeElement.id === 'path-to'")?;
    browser.type_text("claim:no-acknowledged-write-lost")?;
    browser.press("Enter")?;
    browser.wait_for("document.querySelector('#path') !== null && location.search.includes('to=')")?;
    browser.eval("document.querySelector('canvas').focus()")?;
    browser.press("b")?;
    browser.wait_for("document.querySelector('#reach') !== null && location.search.includes('blast=4')")?;
    browser.press("2")?;
    browser.wait_for(
        "location.search.includes('blast=2') && document.querySelectorAll('.legendlist li').length === 3",
    )?;
    browser.press("Escape")?;
    browser.wait_for("document.querySelector('#reach') === null")?;
    let selected = "document.querySelector('.right h2').textContent";
    let before = browser.eval(selected)?;
    browser.press("ArrowRight")?;
    browser.wait_for(&format!("{selected} !== {before}"))?;
    browser.press("v")?;
    browser.wait_for("location.search.includes('view=rings')")?;
    tab_to(&mut dashboard, "Sign out")?;
    dashboard.was_clean()?;
    dashboard.browser.press("Enter")?;
    dashboard.browser.wait_for("location.pathname === '/login'")
}

/// Presses Tab until the focus is on what has this text or begins with it; each stop can be seen.
fn tab_to(dashboard: &mut Dashboard, text: &str) -> Result<()> {
    let mut seen = Vec::new();
    for _ in 0..150 {
        dashboard.browser.press("Tab")?;
        let at = dashboard.browser.eval(FOCUS)?;
        let name = at[0].as_str().unwrap_or_default().to_owned();
        ensure!(name.is_empty() || at[1] == true, "the focus cannot be seen: {at}");
        if name.starts_with(text) {
            return Ok(());
        }
        seen.push(name);
    }
    anyhow::bail!("{text} is not reached: {seen:?}")
}

#[test]
fn letters_lead_to_pages_and_rows_and_can_be_switched_off() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open("/")?;
    for (keys, path) in [
        ("gs", "/shards"),
        ("gm", "/moves"),
        ("gg", "/graphs"),
        ("ge", "/explore"),
        ("go", "/"),
        ("t", "/where"),
    ] {
        for key in keys.chars() {
            dashboard.browser.press(&key.to_string())?;
        }
        dashboard.browser.wait_for(&format!("location.pathname === {path:?}"))?;
        dashboard.settled()?;
        dashboard.browser.eval("document.activeElement.blur()")?;
    }
    dashboard.open("/shards")?;
    dashboard.browser.press("j")?;
    dashboard.browser.press("j")?;
    dashboard.browser.press("k")?;
    dashboard.browser.press("Enter")?;
    dashboard.browser.wait_for("location.pathname === '/shard/1'")?;
    dashboard.settled()?;
    dashboard.browser.press("1")?;
    dashboard.browser.wait_for("location.search === '?range=15m'")?;
    dashboard.browser.press("?")?;
    dashboard.click("#letters")?;
    dashboard.browser.press("Escape")?;
    dashboard.browser.wait_for("document.querySelector('dialog[open]') === null")?;
    dashboard.browser.press("t")?;
    dashboard.browser.press("2")?;
    ensure!(dashboard.browser.eval("location.pathname + location.search")? == "/shard/1?range=15m");
    dashboard.was_clean()
}

/// One crosshair through all charts, moved by arrows and told in words.
#[test]
fn the_cursor_of_charts_moves_with_arrows() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open("/shard/7")?;
    dashboard.browser.wait_for("document.querySelectorAll('.chart svg[role=img]').length === 6")?;
    dashboard.browser.eval("document.querySelector('.charts').focus()")?;
    dashboard.browser.press("ArrowLeft")?;
    dashboard.browser.wait_for("document.querySelectorAll('.chart .cross').length === 6")?;
    dashboard.browser.wait_for("document.querySelector('#live').textContent.includes('Latency p99')")?;
    // A gap is a broken line and has its reason.
    let broken = dashboard.browser.eval(
        "document.querySelector('.chart .series.hue1:not(line)').getAttribute('d').split('M').length - 1",
    )?;
    ensure!(broken == 2, "{broken} parts");
    dashboard.reads("restart")?;
    let name = dashboard
        .browser
        .eval("document.querySelectorAll('.chart svg[role=img]')[1].getAttribute('aria-label')")?;
    ensure!(name.as_str().is_some_and(|name| name.contains("p99 now") && name.contains("1 gap")), "{name}");
    dashboard.click(".blockhead .plain[aria-pressed]")?;
    dashboard.browser.wait_for("document.querySelectorAll('#charts tbody tr').length === 240")
}
