//! Logs that were meddled with, and logs of writers that were killed.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use epistemic_audit::{
    AuditFile, AuditSocket, Entry, Fault, Follow, Head, Report, Rotation, all_of, rotated, verify,
};
use proptest::prelude::*;

const NEVER: Rotation = Rotation { bytes: u64::MAX, every: None, keep: None };

fn entry(number: usize) -> Entry {
    let graph = Some(format!("tenant__acme__{number}"));
    Entry { graph, outcome: Some("ok".into()), ..Entry::new("create") }
}

/// A log of so many entries in files of about three lines each, with starts between them.
fn log(folder: &Path, entries: usize) -> Result<PathBuf> {
    let path = folder.join("audit.log");
    let rotation = Rotation { bytes: 1_500, ..NEVER };
    let mut written = 0;
    while written < entries {
        let (mut log, _) = AuditFile::open(&path, rotation, 1_000)?;
        for _ in 0..4.min(entries - written) {
            log.append(&[entry(written)], 1_000)?;
            written += 1;
        }
    }
    Ok(path)
}

fn read(path: &Path) -> Result<Report> {
    Ok(verify(&all_of(path)?, None, |_| ())?)
}

fn lines(file: &Path) -> Result<Vec<String>> {
    Ok(fs_err::read_to_string(file)?.lines().map(str::to_owned).collect())
}

fn write(file: &Path, lines: &[String]) -> Result<()> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    Ok(fs_err::write(file, text)?)
}

#[test]
fn a_log_is_one_chain_over_files_and_starts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = log(folder.path(), 20)?;
    let files = all_of(&path)?;
    ensure!(files.len() > 4, "{files:?}");
    let mut told = Vec::new();
    let report = verify(&files, None, |line| told.push(line))?;
    ensure!(report.is_sound() && report.torn.is_none() && report.first == Some(1), "{report:?}");
    ensure!(report.lines == 20 + files.len() as u64 && report.head.sequence == report.lines, "{report:?}");
    let graphs: Vec<_> = told.iter().filter_map(|line| line.entry.graph.clone()).collect();
    ensure!(graphs == (0..20).filter_map(|number| entry(number).graph).collect::<Vec<_>>());
    let begins = told.iter().filter(|line| line.entry.event == "file").count();
    ensure!(begins == files.len(), "{begins}");
    ensure!(verify(&files, Some(&report.head), |_| ())?.is_sound());
    Ok(())
}

/// Every line of every file: removed, changed, doubled, swapped with each other one, cut in its middle.
#[test]
fn whatever_is_done_to_any_line_is_found() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = log(folder.path(), 10)?;
    let files = all_of(&path)?;
    let whole: Vec<_> = files.iter().map(|file| lines(file)).collect::<Result<_>>()?;
    let places: Vec<_> = whole
        .iter()
        .enumerate()
        .flat_map(|(file, lines)| (0..lines.len()).map(move |line| (file, line)))
        .collect();
    let last = *places.last().expect("there are lines");
    let found = |what: &str, file: usize, changed: &[String]| -> Result<()> {
        write(&files[file], changed)?;
        let report = read(&path)?;
        ensure!(!report.is_sound(), "{what}: {changed:?}");
        write(&files[file], &whole[file])
    };
    for &(file, line) in &places {
        let of_file = &whole[file];
        if (file, line) != last {
            let mut removed = of_file.clone();
            removed.remove(line);
            if removed.is_empty() {
                continue;
            }
            found("removed", file, &removed)?;
        }
        let mut changed = of_file.clone();
        changed[line] = changed[line].replacen("1970", "1971", 1);
        ensure!(changed[line] != of_file[line]);
        found("changed", file, &changed)?;
        let mut doubled = of_file.clone();
        doubled.insert(line, of_file[line].clone());
        found("doubled", file, &doubled)?;
        let mut forged = of_file.clone();
        forged.insert(line, whole[0][0].clone());
        found("put in", file, &forged)?;
        let mut cut = of_file.clone();
        cut[line].truncate(40);
        found("cut", file, &cut)?;
        for &(other, at) in places.iter().filter(|place| **place > (file, line)) {
            if other == file {
                let mut swapped = of_file.clone();
                swapped.swap(line, at);
                found("swapped", file, &swapped)?;
            } else {
                let mut moved = whole[other].clone();
                moved[at].clone_from(&of_file[line]);
                found("moved", other, &moved)?;
            }
        }
    }
    for (index, file) in files.iter().enumerate().take(files.len() - 1).skip(1) {
        fs_err::remove_file(file)?;
        ensure!(!read(&path)?.is_sound(), "file {index} is gone");
        write(file, &whole[index])?;
    }
    ensure!(read(&path)?.is_sound(), "all is as it was");
    Ok(())
}

/// That the end is missing no chain can show: whoever knows the last line can.
#[test]
fn a_missing_end_is_found_by_its_expected_head() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = log(folder.path(), 4)?;
    let (files, head) = (all_of(&path)?, read(&path)?.head);
    let mut cut = lines(&path)?;
    cut.pop();
    write(&path, &cut)?;
    ensure!(read(&path)?.is_sound());
    let report = verify(&files, Some(&head), |_| ())?;
    ensure!(
        report.findings.iter().any(|found| found.fault == Fault::HeadMissing(head.clone())),
        "{report:?}"
    );
    let other = Head { hash: "1".repeat(64), ..head };
    ensure!(!verify(&files, Some(&other), |_| ())?.is_sound());
    Ok(())
}

#[test]
fn a_torn_line_is_cut_off_and_said_and_hides_nothing() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("audit.log");
    let (mut log, _) = AuditFile::open(&path, NEVER, 0)?;
    log.append(&[entry(1), entry(2)], 0)?;
    drop(log);
    let whole = fs_err::read(&path)?;
    let begun = whole.iter().rposition(|byte| *byte == b'{').expect("there is a line");
    for length in (begun + 1..whole.len()).step_by(9) {
        fs_err::write(&path, &whole[..length])?;
        let report = read(&path)?;
        ensure!(report.is_sound() && report.torn.is_some(), "{length}: {report:?}");
        let (mut log, resumed) = AuditFile::open(&path, NEVER, 0)?;
        ensure!(resumed.torn == (length - begun) as u64 && resumed.findings.is_empty(), "{resumed:?}");
        log.append(&[entry(3)], 0)?;
        drop(log);
        let mut events = Vec::new();
        let report = verify(&all_of(&path)?, None, |line| events.push(line.entry.event))?;
        ensure!(report.is_sound() && report.torn.is_none(), "{length}: {report:?}");
        ensure!(events == ["file", "create", "torn", "create"], "{events:?}");
    }
    // What was changed before it stays found, also behind the lines that follow.
    let changed = String::from_utf8(whole[..begun + 9].to_vec())?.replacen("acme__1", "acme__9", 1);
    fs_err::write(&path, changed)?;
    let (mut log, resumed) = AuditFile::open(&path, NEVER, 0)?;
    ensure!(resumed.torn == 9 && resumed.findings.len() == 1, "{resumed:?}");
    log.append(&[entry(4)], 0)?;
    drop(log);
    let mut events = Vec::new();
    let report = verify(&all_of(&path)?, None, |line| events.push(line.entry.event))?;
    ensure!(!report.is_sound() && report.findings[0].line == 2, "{report:?}");
    ensure!(events == ["file", "torn", "broken", "create"], "{events:?}");
    Ok(())
}

#[test]
fn files_are_put_away_by_size_and_age_and_the_oldest_go() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("audit.log");
    let rotation = Rotation { bytes: 1_000, every: None, keep: Some(2) };
    let (mut log, _) = AuditFile::open(&path, rotation, 0)?;
    for number in 0..20 {
        log.append(&[entry(number)], 0)?;
    }
    ensure!(rotated(&path)?.len() == 2);
    let report = read(&path)?;
    ensure!(report.is_sound() && report.first.is_some_and(|first| first > 1), "{report:?}");
    drop(log);
    let hourly = Rotation { every: Some(std::time::Duration::from_secs(3600)), ..NEVER };
    let path = folder.path().join("hourly.log");
    let (mut log, _) = AuditFile::open(&path, hourly, 0)?;
    for (hour, files) in [(0, 0), (1, 1), (1, 1), (2, 2)] {
        log.append(&[entry(hour)], hour as u64 * 3_600_000)?;
        ensure!(rotated(&path)?.len() == files, "{hour}");
    }
    ensure!(read(&path)?.is_sound());
    Ok(())
}

/// A file that somebody takes away while it is written: the chain goes on in a new one, and what is missing is found.
#[test]
fn a_file_that_is_taken_away_is_missed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("audit.log");
    let (mut log, _) = AuditFile::open(&path, NEVER, 0)?;
    log.append(&[entry(1)], 0)?;
    ensure!(AuditFile::open(&path, NEVER, 0).is_err(), "two processes have it");
    let elsewhere = folder.path().join("elsewhere");
    fs_err::rename(&path, &elsewhere)?;
    log.append(&[entry(2)], 0)?;
    let head = log.head().clone();
    drop(log);
    let report = read(&path)?;
    ensure!(report.is_sound() && report.first == Some(3), "{report:?}");
    ensure!(verify(&[elsewhere, path.clone()], Some(&head), |_| ())?.is_sound());
    // Emptied in place: the next start takes it for a new one, which begins with line 1 again.
    fs_err::write(&path, "")?;
    let (log, _) = AuditFile::open(&path, NEVER, 0)?;
    ensure!(log.head().sequence == 1 && !verify(&[path], Some(&head), |_| ())?.is_sound());
    Ok(())
}

#[test]
fn a_socket_gets_the_chain_as_datagrams_and_after_a_restart_too() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (path, memory) = (folder.path().join("s"), folder.path().join("head"));
    ensure!(AuditSocket::open(&path, None, 0).is_err());
    let receiver = std::os::unix::net::UnixDatagram::bind(&path)?;
    for start in 0..2 {
        let (mut log, _) = AuditSocket::open(&path, Some(memory.clone()), 0)?;
        ensure!(log.append(&[entry(1), entry(2)], 0)? == 3 * (start + 1));
    }
    let mut text = Vec::new();
    for _ in 0..6 {
        let mut line = [0; 4096];
        let length = receiver.recv(&mut line)?;
        text.extend_from_slice(&line[..length]);
    }
    let file = folder.path().join("received");
    fs_err::write(&file, text)?;
    let report = verify(&[file], None, |_| ())?;
    ensure!(report.lines == 6 && report.is_sound(), "{report:?}");
    Ok(())
}

proptest! {
    /// Any one byte, made any other.
    #[test]
    fn any_changed_byte_is_found(at in 0usize..10_000, byte in any::<u8>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = log(folder.path(), 6).unwrap();
        let files = all_of(&path).unwrap();
        let lengths: Vec<_> = files.iter().map(|file| fs_err::metadata(file).unwrap().len() as usize).collect();
        // The last line break is the end, which a chain cannot vouch for.
        let mut at = at % (lengths.iter().sum::<usize>() - 1);
        let file = lengths.iter().position(|length| at < *length || { at -= length; false }).unwrap();
        let mut bytes = fs_err::read(&files[file]).unwrap();
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        fs_err::write(&files[file], bytes).unwrap();
        prop_assert!(!read(&path).unwrap().is_sound());
    }
}

/// Over rotation, restarts, and lines that were cut short.
#[test]
fn a_log_is_followed_while_it_is_written() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("audit.log");
    let mut told = Vec::new();
    let mut follow = Follow::after(&path, 0);
    follow.poll(|line| told.push(line.sequence))?;
    ensure!(told.is_empty(), "there is no log yet: {told:?}");
    let rotation = Rotation { bytes: 1_500, ..NEVER };
    for start in 0..6 {
        let (mut log, _) = AuditFile::open(&path, rotation, 1_000)?;
        for number in 0..7 {
            log.append(&[entry(number)], 1_000)?;
            // Now and then several files are begun between two looks.
            if (start + number) % 5 == 0 {
                follow.poll(|line| told.push(line.sequence))?;
                ensure!(told.last() == Some(&log.head().sequence), "{told:?}");
            }
        }
        drop(log);
        // Its writer is killed in the middle of a line, which the next one cuts off.
        let mut text = fs_err::read(&path)?;
        text.extend(b"{\"sequence\":");
        fs_err::write(&path, text)?;
        follow.poll(|line| told.push(line.sequence))?;
    }
    let last = read(&path)?.head.sequence;
    ensure!(told == (1..=last).collect::<Vec<_>>(), "{told:?}");
    let mut newest = Vec::new();
    Follow::after(&path, last - 3).poll(|line| newest.push(line.sequence))?;
    ensure!(newest == [last - 2, last - 1, last], "{newest:?}");
    Ok(())
}
