//! `egctl explain`: the pages about errors, which this program carries along.

use std::io::{self, Write};

use anyhow::Result;
use clap::Args;
use epistemic_router::ErrorCode;
use include_dir::{Dir, include_dir};
use serde::Serialize;

use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::output::{OutputArgs, Report};

static PAGES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../docs/errors");

/// Explain an error: what it means and what to do. Without a code, list all.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub(super) struct ExplainArgs {
    /// The code, as it stands at the beginning of a text, such as DISK_FULL; or the name of its page, such as disk-full.
    code: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Serialize)]
struct Page {
    page: String,
    text: &'static str,
}

#[derive(Serialize)]
struct Codes {
    codes: Vec<Code>,
}

#[derive(Serialize)]
struct Code {
    code: &'static str,
    page: &'static str,
}

pub(super) fn run(args: &ExplainArgs) -> Result<()> {
    let Some(code) = &args.code else {
        let code = |code: &ErrorCode| Code { code: code.name(), page: code.page() };
        return args.output.print(&Codes { codes: ErrorCode::ALL.iter().map(code).collect() });
    };
    match page(code) {
        Some(page) => args.output.print(&page),
        None => {
            let message = format!("there is no page about {code:?}; egctl explain lists the codes");
            Err(Failure::new(Exit::Usage, message).into())
        }
    }
}

/// The page about a code, in any case, with or without what stands around it in an error.
fn page(code: &str) -> Option<Page> {
    let wanted = code.trim().trim_end_matches(':').replace('-', "_").to_ascii_uppercase();
    let wanted = wanted.rsplit('/').next()?.trim_end_matches(".MD").to_owned();
    let of_code = ErrorCode::ALL.iter().find(|known| known.name() == wanted).map(|code| code.page());
    let file = match of_code {
        Some(path) => path.rsplit('/').next()?.to_owned(),
        // Pages that have no code.
        None => format!("{}.md", wanted.to_ascii_lowercase().replace('_', "-")),
    };
    let text = PAGES.get_file(&file)?.contents_utf8()?;
    Some(Page { page: format!("docs/errors/{file}"), text })
}

impl Report for Page {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.text.as_bytes())
    }
}

impl Report for Codes {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        self.codes.iter().try_for_each(|Code { code, .. }| writeln!(out, "{code}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_page_here() {
        for code in ErrorCode::ALL {
            let page = page(code.name()).unwrap();
            assert!(page.page == code.page() && page.text.contains("What to do"), "{code}");
        }
    }

    #[test]
    fn codes_are_found_as_people_write_them() {
        for code in ["DISK_FULL", "disk-full", "disk_full:", "docs/errors/disk-full.md"] {
            assert_eq!(page(code).unwrap().page, "docs/errors/disk-full.md", "{code}");
        }
        assert!(page("wrong-store").is_some() && page("nonsense").is_none() && page("").is_none());
    }
}
