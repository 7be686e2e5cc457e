//! The explorer: a hub of 50,000 neighbours, what is folded, paths, the reach of a change, and what a reload brings back.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Dashboard, GRAPH, NODE};

const STATUS: &str = "document.querySelector('.status').innerText";

fn address(node: &str, more: &str) -> String {
    format!("/explore?graph={GRAPH}&node={node}{more}")
}

fn shows(dashboard: &mut Dashboard, text: &str) -> Result<()> {
    dashboard.browser.wait_for(&format!("{STATUS}.includes({text:?})"))
}

/// What a reload would bring back: each node with its place.
fn kept(dashboard: &mut Dashboard) -> Result<Vec<Value>> {
    let kept = dashboard.browser.eval(&format!("JSON.parse(sessionStorage.getItem('explore:{GRAPH}'))?.nodes.map((node) => [node.id, node.x, node.y, node.pinned])"))?;
    Ok(kept.as_array().context("nothing is kept")?.clone())
}

#[test]
fn a_hub_stays_under_the_ceiling_and_says_what_is_folded() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open(&address("topic:everything", ""))?;
    shows(&mut dashboard, "51 nodes, 51 edges drawn of at most 2,000")?;
    dashboard.reads("10,000+ neighbours: 10,000+ in, 0 out")?;
    let expand = "[...document.querySelectorAll('.actions button')].find((button) => button.textContent.startsWith('Expand')).dispatchEvent(new MouseEvent('click', {bubbles: true, shiftKey: true}))";
    for drawn in ["251", "451", "651", "851", "1,051", "1,251", "1,451", "1,651", "1,851", "2,000"] {
        dashboard.browser.eval(expand)?;
        shows(&mut dashboard, &format!("{drawn} nodes"))?;
    }
    dashboard.browser.eval(expand)?;
    shows(&mut dashboard, "2,000 nodes are drawn. Hide something or open the table.")?;
    // Neighbours were never loaded in order to be counted: eleven pages, not 250.
    let asked = dashboard.fake.say("")?;
    let pages = asked.iter().filter(|path| *path == "/api/explore/neighbours").count();
    ensure!(pages == 11, "{pages} pages of neighbours");
    dashboard.was_clean()
}

#[test]
fn expand_pin_hide_and_undo() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open(&address(NODE, ""))?;
    shows(&mut dashboard, "104 neighbours folded into 1 chip")?;
    let press = |dashboard: &mut Dashboard, text: &str| {
        let found = format!(
            "[...document.querySelectorAll('.actions button')].find((button) => button.textContent === {text:?})"
        );
        dashboard.browser.wait_for(&format!("{found} !== undefined"))?;
        dashboard.browser.eval(&format!("{found}.click()")).map(drop)
    };
    press(&mut dashboard, "Pin")?;
    press(&mut dashboard, "Expand 50")?;
    shows(&mut dashboard, "101 nodes")?;
    press(&mut dashboard, "Hide")?;
    shows(&mut dashboard, "100 nodes")?;
    dashboard.browser.eval("document.querySelector('canvas').focus()")?;
    dashboard.browser.press("u")?;
    shows(&mut dashboard, "101 nodes")?;
    dashboard.browser.press("u")?;
    shows(&mut dashboard, "51 nodes")?;
    dashboard.was_clean()
}

/// Back goes to the node before; a reload draws what was drawn, where it was.
#[test]
fn back_and_reload_bring_everything_back() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open(&address(NODE, ""))?;
    shows(&mut dashboard, "51 nodes")?;
    dashboard.browser.wait_for(&format!("sessionStorage.getItem('explore:{GRAPH}') !== null"))?;
    let title = "document.querySelector('.right h2 .name').textContent";
    dashboard.browser.eval("document.querySelector('#node-search').focus()")?;
    dashboard.browser.type_text("topic:resharding")?;
    dashboard.browser.wait_for("document.querySelectorAll('.result').length === 1")?;
    dashboard.click(".result")?;
    dashboard.browser.wait_for(&format!("{title} === 'topic:resharding'"))?;
    shows(&mut dashboard, "10")?;
    dashboard.browser.eval("history.back()")?;
    dashboard.browser.wait_for(&format!("{title} === {NODE:?}"))?;
    // Settled: two looks find the same places.
    let mut before = kept(&mut dashboard)?;
    for _ in 0..100 {
        epistemic_tests::wait::pause(std::time::Duration::from_millis(300));
        let now = kept(&mut dashboard)?;
        if now == before {
            break;
        }
        before = now;
    }
    dashboard.browser.reload()?;
    dashboard.settled()?;
    shows(&mut dashboard, &format!("{} nodes", before.len()))?;
    let after = kept(&mut dashboard)?;
    ensure!(
        before.iter().map(|node| &node[0]).eq(after.iter().map(|node| &node[0])),
        "other nodes after the reload"
    );
    dashboard.was_clean()
}

/// Nothing in the layout is random: two browsers draw the same picture.
#[test]
fn the_same_graph_gives_the_same_picture() -> Result<()> {
    let mut pictures = Vec::new();
    for _ in 0..2 {
        let mut dashboard = Dashboard::start()?;
        dashboard.browser.run_first("window.ends = 0; const W = Worker; window.Worker = class extends W { constructor(...all) { super(...all); this.addEventListener('message', ({data}) => { if (data.over && data.ticks === 300) window.ends++; }); } }")?;
        dashboard.open(&address("agent:planner-3", ""))?;
        shows(&mut dashboard, "51 nodes")?;
        // One layout after the neighbours, and one after the edges among them, if there are any.
        dashboard.browser.wait_for("window.ends >= 1")?;
        let at: Vec<Value> = {
            epistemic_tests::wait::pause(std::time::Duration::from_secs(3));
            kept(&mut dashboard)?
        };
        pictures.push(at);
    }
    ensure!(
        pictures[0].len() == 51 && pictures[0] == pictures[1],
        "{:?}",
        pictures[0].iter().zip(&pictures[1]).find(|(a, b)| a != b)
    );
    Ok(())
}

#[test]
fn a_path_is_drawn_listed_and_in_the_address() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open(&address(NODE, "&to=claim:no-acknowledged-write-lost"))?;
    dashboard.reads("2 hops, the shortest; others may be as short")?;
    let hops = dashboard.browser.eval("document.querySelectorAll('#path li').length")?;
    ensure!(hops == 3, "{hops}");
    dashboard.open(&address("claim:no-acknowledged-write-lost", "&to=株式会社の知識&x=1"))?;
    dashboard.browser.wait_for(
        "document.querySelector('#path, .right').innerText.match(/hop|None within 12 hops/) !== null",
    )?;
    dashboard.was_clean()
}

#[test]
fn the_reach_of_a_change_is_counted_by_depth() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open(&address(NODE, "&blast=3"))?;
    dashboard.browser.wait_for("document.querySelectorAll('.legendlist li').length === 4")?;
    let counts = dashboard.browser.eval("[...document.querySelectorAll('.legendlist li')].map((line) => Number(line.lastChild.textContent.replaceAll(',', '')))")?;
    let total: u64 = counts.as_array().context("no counts")?.iter().filter_map(Value::as_u64).sum();
    ensure!(counts[0] == 1 && total > 500, "{counts}");
    shows(&mut dashboard, &format!("{total} nodes"))?;
    dashboard.reads("nodes lie within 3 hops, edges followed forwards.")?;
    ensure!(
        dashboard.browser.eval("document.querySelector('.toolbar [aria-pressed=true]').textContent")?
            == "Rings"
    );
    dashboard.browser.eval("document.querySelector('canvas').focus()")?;
    dashboard.browser.press("b")?;
    shows(&mut dashboard, "51 nodes")?;
    dashboard.was_clean()
}

/// The table has the whole of it, by pages and labels; what is ticked is drawn.
#[test]
fn the_table_is_the_same_in_rows() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.open(&address("topic:everything", "&view=table"))?;
    dashboard.browser.wait_for("document.querySelectorAll('.tableview tbody tr').length === 100")?;
    dashboard.reads("all 10,000+")?;
    dashboard.browser.eval("[...document.querySelectorAll('.tableview button')].at(-1).click()")?;
    dashboard.browser.wait_for("document.querySelectorAll('.tableview tbody tr').length === 200")?;
    let ticked = "document.querySelectorAll('.tableview input:checked').length";
    let before = dashboard.browser.eval(ticked)?.as_u64().context("no number")?;
    dashboard.browser.eval("document.querySelector('.tableview input:not(:checked)').click()")?;
    dashboard.browser.wait_for(&format!("{ticked} === {}", before + 1))?;
    shows(&mut dashboard, "52 nodes")?;
    dashboard.browser.eval("[...document.querySelectorAll('.tableview button')].find((button) => button.textContent.startsWith('Drawn')).click()")?;
    dashboard.browser.wait_for("document.querySelectorAll('.tableview tbody tr').length === 52")?;
    dashboard.was_clean()
}

#[test]
fn a_phone_has_the_table_first() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.browser.show_as(390, 844, "light")?;
    dashboard.open(&address(NODE, ""))?;
    dashboard.browser.wait_for(
        "document.querySelector('.tableview') !== null && document.querySelector('canvas') === null",
    )?;
    dashboard.click(".toolbar button")?;
    dashboard.browser.wait_for("document.querySelector('canvas') !== null")?;
    shows(&mut dashboard, "of at most 500")
}
