//! 100,000 graphs in one list.

use anyhow::{Result, ensure};

use super::Dashboard;

const ROWS: &str = "document.querySelectorAll('tbody tr[data-row]').length";

#[test]
fn only_what_is_in_view_is_in_the_page() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open("/graphs")?;
    dashboard.reads("100,013 graphs")?;
    let in_view = 900 / 36;
    for _ in 0..4 {
        let rows = dashboard.browser.eval(ROWS)?.as_u64().unwrap_or_default();
        ensure!(rows >= 20 && rows <= in_view + 60, "{rows} rows");
        // In one look: the next page may come between two.
        let height = dashboard.browser.eval(
            "(() => { const height = document.documentElement.scrollHeight; scrollTo(0, height); return height; })()",
        )?;
        dashboard.browser.wait_for(&format!("document.documentElement.scrollHeight > {height}"))?;
    }
    // The address knows what was in view, so that a reload begins there.
    dashboard.browser.wait_for("Number(new URLSearchParams(location.search).get('after')) >= 200")?;
    let first = "document.querySelector('tbody .name').textContent";
    dashboard.browser.reload()?;
    dashboard.browser.wait_for(&format!("{first} >= 'tenant__t000'"))?;
    dashboard.click(".plain")?;
    dashboard.browser.wait_for(&format!("{first} === '(empty)'"))?;
    dashboard.was_clean()
}

#[test]
fn filters_and_order_are_in_the_address() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open("/graphs")?;
    dashboard.browser.eval("document.querySelector('#filter').focus()")?;
    dashboard.browser.type_text("t09999")?;
    dashboard.reads("10 of 100,013")?;
    dashboard.click("th:nth-child(4) button")?;
    dashboard
        .browser
        .wait_for("location.search.includes('q=t09999') && location.search.includes('sort=-nodes')")?;
    dashboard.browser.wait_for("document.querySelector('th[aria-sort=descending]') !== null")?;
    let column = "[...document.querySelectorAll('tbody tr[data-row] td:nth-child(4)')].map((cell) => Number(cell.textContent.replaceAll(',', '')))";
    dashboard.browser.wait_for(&format!("(() => {{ const all = {column}; return all.length === 10 && all.every((n, i) => !i || all[i - 1] >= n); }})()"))?;
    let before = dashboard.browser.eval(column)?;
    dashboard.browser.reload()?;
    dashboard.reads("10 of 100,013")?;
    ensure!(dashboard.browser.eval(column)? == before);
    dashboard.open("/graphs?q=acmee")?;
    dashboard.reads("No graph matches acmee. Clear")?;
    dashboard.was_clean()
}

/// A graph that all shards have is one row, which unfolds.
#[test]
fn commons_is_one_row() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open("/graphs?q=__commons__")?;
    dashboard.browser.wait_for(&format!("{ROWS} === 1"))?;
    dashboard.click("tbody button")?;
    dashboard.browser.wait_for(&format!("{ROWS} === 25"))
}
