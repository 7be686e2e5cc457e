//! Windows from a small phone to a large screen.

use anyhow::{Result, ensure};
use epistemic_tests::binaries::bin_dir;

use super::{Dashboard, PAGES};

#[test]
fn nothing_is_wider_than_the_window() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    dashboard.fake.say("down=9&role=operator")?;
    let pictures = bin_dir()?.join("dashboard");
    fs_err::create_dir_all(&pictures)?;
    for (place, page) in PAGES.into_iter().enumerate() {
        for (width, scheme) in [
            (320, "light"),
            (390, "dark"),
            (720, "light"),
            (721, "light"),
            (1000, "dark"),
            (1181, "light"),
            (1440, "dark"),
            (2560, "light"),
        ] {
            dashboard.browser.show_as(width, 900, scheme)?;
            dashboard.open(page)?;
            let wide = dashboard.browser.eval("document.documentElement.scrollWidth")?;
            ensure!(wide.as_u64() <= Some(width.into()), "{page}: {wide} pixels in a window of {width}");
            dashboard.browser.screenshot(&pictures.join(format!("page-{place}-{width}-{scheme}.png")))?;
        }
    }
    dashboard.was_clean()
}

/// 320 CSS pixels are 1,280 at a zoom of 400 %, which is what WCAG 1.4.10 asks for.
#[test]
fn a_name_of_three_hundred_characters_is_one_line() -> Result<()> {
    let mut dashboard = Dashboard::start()?;
    for width in [320, 390, 1440] {
        dashboard.browser.show_as(width, 900, "light")?;
        dashboard.open("/graphs?q=the%20middle")?;
        dashboard.browser.wait_for("document.querySelectorAll('tbody tr[data-row]').length === 1")?;
        let one = dashboard.browser.eval(
            "(() => { const name = document.querySelector('tbody .name'), box = name.getBoundingClientRect(); \
             return [box.height < 30, box.right <= innerWidth, name.textContent.length, name.querySelector('.tail').textContent]; })()",
        )?;
        ensure!(
            one[0] == true && one[1] == true && one[2] == 300 && one[3] == "yyyyyyyyyy",
            "{width}: {one}"
        );
    }
    Ok(())
}
