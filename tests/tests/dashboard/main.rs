//! The dashboard in a real browser, over a gateway that makes its answers up: what 24 shards, 100,000 graphs, a hub of 50,000
//! neighbours, a shard that is down, no data and no permission look like. `gateway/dashboard.rs` has the page over a real tier.

mod accessible;
mod explorer;
mod graphs;
mod keys;
mod names;
mod shipped;
mod sizes;
mod states;

use anyhow::{Result, ensure};
use epistemic_tests::browser::Browser;
use epistemic_tests::fake_gateway::FakeGateway;

const GRAPH: &str = "tenant__acme____bus__";
const NODE: &str = "claim:shard-count-is-a-list";

/// Every page; each shows names that would be markup, backwards or too long.
const PAGES: [&str; 11] = [
    "/",
    "/shards",
    "/shard/7",
    "/graphs?tenant=odd",
    "/graph?name=tenant__acme____bus__",
    "/graph?name=tenant__acme____bus__&tab=ledger",
    "/explore",
    "/explore?graph=tenant__acme____bus__&node=claim:shard-count-is-a-list&view=force",
    "/explore?graph=tenant__acme____bus__&node=claim:shard-count-is-a-list&view=table",
    "/moves",
    "/where?tenant=Acme",
];

/// A browser and what it looks at.
struct Dashboard {
    fake: FakeGateway,
    browser: Browser,
}

impl Dashboard {
    /// A window of a desk, in light colours.
    fn start() -> Result<Dashboard> {
        let (fake, mut browser) = (FakeGateway::start()?, Browser::start()?);
        browser.show_as(1440, 900, "light")?;
        browser.run_first("addEventListener('securitypolicyviolation', (e) => console.error('policy', e.violatedDirective))")?;
        Ok(Dashboard { fake, browser })
    }

    /// Opens a page and waits until each of its blocks has figures, or words for their absence.
    fn open(&mut self, page: &str) -> Result<()> {
        self.browser.open(&self.fake.url(page))?;
        self.settled()
    }

    fn settled(&mut self) -> Result<()> {
        self.browser.wait_for(
            "document.querySelector('#page h1') !== null && document.querySelector('.loading') === null",
        )
    }

    /// Goes to another page as a click does, without loading it anew.
    fn click(&mut self, selector: &str) -> Result<()> {
        self.browser.wait_for(&format!("document.querySelector({selector:?}) !== null"))?;
        self.browser.eval(&format!("document.querySelector({selector:?}).click()")).map(drop)
    }

    /// Waits until a text is on the page.
    fn reads(&mut self, text: &str) -> Result<()> {
        self.browser.wait_for(&format!("document.body.innerText.includes({text:?})"))
    }

    /// Nothing was asked of another host, and neither the page nor the browser has complained.
    fn was_clean(&self) -> Result<()> {
        let origin = self.fake.url("/");
        let elsewhere: Vec<_> = self
            .browser
            .requests()
            .into_iter()
            .filter(|url| !url.starts_with(&origin) && !url.starts_with("data:") && url != "about:blank")
            .collect();
        ensure!(elsewhere.is_empty(), "requests to {elsewhere:?}");
        ensure!(self.browser.complaints().is_empty(), "{:#?}", self.browser.complaints());
        Ok(())
    }
}
