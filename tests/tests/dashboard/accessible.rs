//! axe-core finds nothing on any page, in both colour schemes, wide and narrow, whatever the tier is like.

use anyhow::{Result, ensure};
use epistemic_tests::binaries::axe_script;
use serde_json::json;

use super::{Dashboard, PAGES};

const WIDE_LIGHT: (u32, &str) = (1440, "light");
const NARROW_DARK: (u32, &str) = (390, "dark");

/// What it finds, a line each: rule, weight, the first element and why.
const RUN: &str = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], \
     resultTypes: ['violations']}).then((found) => found.violations.map((each) => \
     `${each.id} (${each.impact}): ${each.nodes[0].html.slice(0, 200)} ${each.nodes[0].failureSummary}`))";

fn nothing_is_found(world: &str, looks: &[(u32, &str)]) -> Result<()> {
    let axe = fs_err::read_to_string(axe_script()?)?;
    let mut dashboard = Dashboard::start()?;
    dashboard.fake.say(world)?;
    for page in PAGES.into_iter().chain(["/login"]) {
        for (width, scheme) in looks {
            dashboard.browser.show_as(*width, 900, scheme)?;
            if page == "/login" {
                dashboard.browser.open(&dashboard.fake.url(page))?;
                dashboard.browser.wait_for("document.querySelector('#token') !== null")?;
            } else {
                dashboard.open(page)?;
            }
            dashboard.browser.eval(&format!("{axe}; true"))?;
            let found = dashboard.browser.eval(RUN)?;
            ensure!(found == json!([]), "{page}, {width} px, {scheme}, {world:?}: {found:#}");
        }
    }
    Ok(())
}

#[test]
fn when_all_is_well_and_an_operator_looks() -> Result<()> {
    nothing_is_found("role=operator", &[WIDE_LIGHT, (1440, "dark"), (390, "light"), NARROW_DARK])
}

#[test]
fn when_a_shard_is_down() -> Result<()> {
    nothing_is_found("down=9", &[WIDE_LIGHT, NARROW_DARK])
}

#[test]
fn when_there_is_no_data() -> Result<()> {
    nothing_is_found("scenario=empty", &[WIDE_LIGHT, NARROW_DARK])
}

#[test]
fn when_nothing_may_be_seen() -> Result<()> {
    nothing_is_found("scenario=denied&hidden=1", &[WIDE_LIGHT, NARROW_DARK])
}

/// Negative control: the check can fail.
#[test]
fn a_picture_without_words_is_found() -> Result<()> {
    let axe = fs_err::read_to_string(axe_script()?)?;
    let mut dashboard = Dashboard::start()?;
    dashboard.open("/")?;
    dashboard.browser.eval(&format!("{axe}; document.querySelector('main').append(new Image()); true"))?;
    let found = dashboard.browser.eval(RUN)?;
    ensure!(found.as_array().is_some_and(|found| !found.is_empty()), "nothing is found: {found}");
    Ok(())
}
