//! What is shipped: small, and nothing that the policy of the page would refuse.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::{Dashboard, PAGES};

/// Bytes, as they are on the disk; of a page, and of one that draws a graph.
const MOST: u64 = 120 * 1024;
const MOST_DRAWN: u64 = 168 * 1024;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools/gateway/src/page")
}

/// Whatever page is opened first, it and all that it fetches of ours has its limit.
#[test]
fn no_page_fetches_more_than_its_share() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    for page in PAGES {
        dashboard.browser.forget();
        dashboard.open(page)?;
        let origin = dashboard.fake.url("");
        let mut files = BTreeMap::from([(
            "/index.html".to_owned(),
            fs_err::metadata(folder().join("index.html"))?.len(),
        )]);
        for url in dashboard.browser.requests() {
            let path = url.trim_start_matches(&origin).split('?').next().unwrap_or_default().to_owned();
            if let Ok(file) = fs_err::metadata(folder().join(path.trim_start_matches('/')))
                && file.is_file()
            {
                files.insert(path, file.len());
            }
        }
        let all: u64 = files.values().sum();
        let most = if page.starts_with("/explore?") { MOST_DRAWN } else { MOST };
        ensure!(
            all <= most && files.len() > 15,
            "{page} is {all} bytes of {} files: {files:#?}",
            files.len()
        );
    }
    Ok(())
}

#[test]
fn the_pages_have_no_script_or_style_of_their_own() -> Result<()> {
    for name in ["index.html", "login.html"] {
        let text = fs_err::read_to_string(folder().join(name))?;
        ensure!(!text.contains("style=") && !text.contains("<style") && !text.contains(" on"), "{name}");
        let scripts = text.matches("<script").count();
        ensure!(
            scripts
                == text.matches("<script src=").count()
                    + text.matches("<script type=\"module\" src=").count(),
            "{name}"
        );
    }
    Ok(())
}
