//! Names are text, whatever they are.

use anyhow::{Result, ensure};

use super::{Dashboard, PAGES};

#[test]
fn a_name_that_would_be_markup_is_text() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    for page in PAGES {
        dashboard.open(page)?;
        let made = dashboard
            .browser
            .eval("document.querySelectorAll('#page b[onclick], #page script, #page img').length")?;
        ensure!(made == 0, "{page}: {made}");
    }
    dashboard.open("/graphs?tenant=odd")?;
    for shown in [
        "<b onclick=alert(1)>bold</b>",
        "(empty)",
        "right\\u{202e}to-left",
        "␣␣leading and␣␣double blanks␣",
        "株式会社の知識",
        "a/b#c?d&e=%2e",
        "tab\\u{9}and\\u{a}line",
    ] {
        dashboard.browser.wait_for(&format!(
            "[...document.querySelectorAll('tbody .name')].some((name) => name.textContent === {shown:?})"
        ))?;
    }
    dashboard.was_clean()
}

/// Each name's link leads to its own page, and back to its own figures.
#[test]
fn every_name_has_a_page() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open("/graphs?tenant=odd")?;
    let links = dashboard.browser.eval("[...document.querySelectorAll('tbody .namelink[href^=\"/graph?\"]')].map((link) => [link.getAttribute('href'), link.textContent])")?;
    let links = links.as_array().cloned().unwrap_or_default();
    ensure!(links.len() == 9, "{links:?}");
    for link in links {
        let address = link[0].as_str().unwrap_or_default();
        dashboard.open(address)?;
        let heading = dashboard.browser.eval("document.querySelector('h1 .name').textContent")?;
        ensure!(heading == link[1], "{address}: {heading}");
        dashboard.reads("belongs to shard-04")?;
    }
    Ok(())
}
