//! `docs/limits.md` has the limits that the program has: flags with their defaults, constants with their values.

use anyhow::{Context, Result, ensure};

use super::{help::Help, text};

/// `8 KiB`, `30 s`, `100 ms`, `10,000` as a number, times in milliseconds; nothing for what is no such thing.
fn shown(value: &str) -> Option<u64> {
    let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
    let scale = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "ms" => 1,
        "s" => 1000,
        _ => return None,
    };
    number.replace(',', "").parse::<u64>().ok().map(|number| number * scale)
}

/// The value of a constant in the source: a number, a shifted one, or a time in milliseconds.
fn constant(source: &str, name: &str) -> Option<u64> {
    let line = source.lines().find(|line| line.contains(&format!("const {name}: ")))?;
    let value = line.split_once(" = ")?.1.trim_end_matches(';');
    let number = |text: &str| text.trim().replace('_', "").parse::<u64>().ok();
    let time = |prefix: &str| value.strip_prefix(prefix).and_then(|rest| number(rest.strip_suffix(')')?));
    match value.split_once("<<") {
        Some((base, shift)) => Some(number(base)? << number(shift)?),
        None => number(value)
            .or_else(|| time("Duration::from_millis("))
            .or_else(|| time("Duration::from_secs(").map(|seconds| seconds * 1000)),
    }
}

#[test]
fn the_page_of_limits_is_that_of_the_program() -> Result<()> {
    let page = text("docs/limits.md")?;
    let help = Help::of_command(&["epistemic-graph-server"])?;
    let mut compared = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| What")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        ensure!(cells.len() == 7, "{row}");
        let most = shown(cells[2]);
        let spans: Vec<_> = cells[3].split('`').skip(1).step_by(2).collect();
        match spans[..] {
            [flag, ..] if flag.starts_with("--") => {
                let default = help.default_of(flag).with_context(|| format!("no {flag} in the help"))?;
                if let (Some(most), Some(default)) = (most, default) {
                    let scale = if cells[2].ends_with(" s") { 1000 } else { 1 };
                    ensure!(most == default * scale, "{flag} is {default} by default: {row}");
                    compared += 1;
                }
            }
            [file, name] => {
                let found = constant(&text(file)?, name);
                ensure!(found.is_some(), "{file} has no constant {name} that is understood");
                ensure!(most.is_none() || most == found, "{name} is {found:?}: {row}");
                compared += usize::from(most.is_some());
            }
            // In words.
            _ => {}
        }
    }
    ensure!(compared > 30, "only {compared} limits were compared");
    Ok(())
}

#[test]
fn values_are_read() -> Result<()> {
    ensure!(shown("8 KiB") == Some(8192) && shown("10,000") == Some(10_000) && shown("2 s") == Some(2000));
    ensure!(shown("half of it").is_none());
    let source =
        "pub const A: usize = 8 << 10;\nconst B: Duration = Duration::from_secs(2);\nconst C: u32 = 1_000;";
    ensure!(constant(source, "A") == Some(8192) && constant(source, "B") == Some(2000));
    ensure!(constant(source, "C") == Some(1000) && constant(source, "D").is_none());
    Ok(())
}
