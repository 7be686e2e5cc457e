//! Whether people can read the page and use it without a mouse.

use anyhow::{Result, ensure};
use epistemic_tests::browser::Browser;
use serde_json::json;

/// What Tab stops at, while there is one page of graphs.
const STOPS: [&str; 6] =
    ["Skip to the shards", "route-kind", "route-name", "Show", "search-text", "search-sort"];

/// Nothing is wider than the window, the page is as dark as was asked for, and all text stands out from what is behind.
pub(super) fn can_be_read(browser: &mut Browser, width: u32, scheme: &str) -> Result<()> {
    browser.show_as(width, 900, scheme)?;
    let wide = browser.eval("document.documentElement.scrollWidth")?;
    ensure!(wide.as_u64() <= Some(width.into()), "{wide} pixels wide in a window of {width}");
    let dark = browser.eval(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).every((c) => Number(c) < 64)",
    )?;
    ensure!(dark == (scheme == "dark"), "{scheme}");
    let faint = browser.eval(include_str!("contrast.js"))?;
    ensure!(faint == json!([]), "{scheme}: {faint}");
    Ok(())
}

/// Tab goes through everything that can be used, in order, and shows where it is.
pub(super) fn can_be_walked_with_tab(browser: &mut Browser) -> Result<()> {
    browser.eval("document.activeElement.blur(), document.querySelector('.skip').focus(), true")?;
    let mut seen = Vec::new();
    for _ in 0..STOPS.len() {
        let at = browser.eval(
            "[document.activeElement.id || document.activeElement.textContent, \
             getComputedStyle(document.activeElement).outlineStyle, \
             document.activeElement.getBoundingClientRect().left >= 0]",
        )?;
        ensure!(at[1] == "solid" && at[2] == true, "the focus cannot be seen: {at}");
        seen.push(at[0].as_str().unwrap_or_default().to_owned());
        browser.press("Tab")?;
    }
    ensure!(seen == STOPS, "{seen:?}");
    Ok(())
}
