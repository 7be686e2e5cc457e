//! The recorder and the reconstruction themselves, on small scripts whose outcome is known.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use epistemic_tests::binaries;
use epistemic_tests::powercut::{Loss, Recording};

/// Runs a Python script in an empty recorded directory.
fn record(script: &str) -> Result<(tempfile::TempDir, Recording)> {
    let dir = tempfile::tempdir()?;
    let recording = Recording::of_directory(dir.path())?;
    let output = Command::new(binaries::reference_python("0.31.0")?)
        .args(["-c", &format!("import os\n{script}")])
        .current_dir(dir.path())
        .envs(recording.environment())
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    recording.check_complete()?;
    Ok((dir, recording))
}

fn content(dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs_err::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            files.extend(content(&path)?.into_iter().map(|(inner, text)| (format!("{name}/{inner}"), text)));
        } else {
            files.insert(name, fs_err::read_to_string(&path)?);
        }
    }
    Ok(files)
}

fn after_cut(recording: &Recording, at: u64, loss: Loss) -> Result<BTreeMap<String, String>> {
    let target = tempfile::tempdir()?;
    recording.cut(at, loss, target.path())?;
    content(target.path())
}

fn strictly_left(script: &str) -> Result<BTreeMap<String, String>> {
    let (_dir, recording) = record(script)?;
    after_cut(&recording, u64::MAX, Loss::Strict)
}

fn files<const N: usize>(expected: [(&str, &str); N]) -> BTreeMap<String, String> {
    expected.into_iter().map(|(name, text)| (name.into(), text.into())).collect()
}

const HELPERS: &str = r#"
def sync(path):
    fd = os.open(path, os.O_RDONLY); os.fsync(fd); os.close(fd)
def put(path, text, synced):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, text.encode())
    if synced: os.fsync(fd)
    os.close(fd)
"#;

#[test]
fn unsynced_content_is_dropped_and_synced_content_kept() -> Result<()> {
    let script = format!(
        "{HELPERS}put('a', 'kept ', True)\nput('b', 'lost', False)\nput('a', 'lost', False)\nsync('.')"
    );
    assert_eq!(strictly_left(&script)?, files([("a", "kept "), ("b", "")]));
    Ok(())
}

#[test]
fn a_name_is_durable_when_its_directory_was_synced() -> Result<()> {
    let script = format!("{HELPERS}put('a', 'content', True)\nsync('.')\nput('b', 'content', True)");
    assert_eq!(strictly_left(&script)?, files([("a", "content")]));
    Ok(())
}

#[test]
fn unsynced_renames_links_and_removals_are_undone() -> Result<()> {
    let script = format!(
        "{HELPERS}for name in 'abc': put(name, name, True)\nsync('.')\n\
         os.rename('a', 'b')\nos.link('c', 'd')\nos.unlink('c')"
    );
    assert_eq!(strictly_left(&script)?, files([("a", "a"), ("b", "b"), ("c", "c")]));
    assert_eq!(strictly_left(&format!("{script}\nsync('.')"))?, files([("b", "a"), ("d", "c")]));
    Ok(())
}

#[test]
fn directories_move_with_their_content() -> Result<()> {
    let script = format!(
        "{HELPERS}os.mkdir('t')\nput('t/f', 'x', True)\nsync('t')\nos.rename('t', 'u')\nsync('.')\nput('u/g', 'y', True)"
    );
    assert_eq!(strictly_left(&script)?, files([("u/f", "x")]));
    Ok(())
}

#[test]
fn all_ways_to_write_are_recorded() -> Result<()> {
    let script = format!(
        "{HELPERS}fd = os.open('a', os.O_RDWR | os.O_CREAT, 0o600)\nos.pwrite(fd, b'0123456789', 0)\n\
         os.writev(fd, [b'ab', b'cd'])\nos.pwritev(fd, [b'X', b'Y'], 6)\nos.ftruncate(fd, 9)\n\
         copy = os.dup(fd)\nos.close(fd)\nos.write(copy, b'e')\nos.fdatasync(copy)\nos.truncate('a', 3)\nsync('.')"
    );
    assert_eq!(strictly_left(&script)?, files([("a", "abcde5XY8")]));
    Ok(())
}

#[test]
fn an_instant_before_the_fsync_has_nothing() -> Result<()> {
    let (_dir, recording) =
        record(&format!("{HELPERS}put('a', '', True)\nsync('.')\nput('a', 'text', True)"))?;
    let sync = *recording.syncs()?.last().unwrap();
    assert_eq!(after_cut(&recording, sync.begin, Loss::Strict)?, files([("a", "")]));
    assert_eq!(after_cut(&recording, sync.end, Loss::Strict)?, files([("a", "text")]));
    Ok(())
}

#[test]
fn random_loss_keeps_prefixes_and_tears_at_sectors() -> Result<()> {
    let script =
        format!("{HELPERS}put('a', 's', True)\nsync('.')\nput('a', 'u' * 2000, False)\nput('b', 'n', False)");
    let (_dir, recording) = record(&script)?;
    let mut seen = BTreeMap::<(usize, bool), usize>::new();
    for seed in 0..200 {
        let left = after_cut(&recording, u64::MAX, Loss::Random(seed))?;
        *seen.entry((left["a"].len(), left.contains_key("b"))).or_default() += 1;
    }
    let lengths: Vec<usize> = seen.keys().filter(|(_, b)| *b).map(|(length, _)| *length).collect();
    assert_eq!(lengths, [1, 512, 1024, 1536, 2001], "{seen:?}");
    Ok(())
}

#[test]
fn what_goes_past_the_recorder_is_noticed() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let recording = Recording::of_directory(dir.path())?;
    fs_err::write(dir.path().join("unrecorded"), "x")?;
    let error = format!("{:#}", recording.check_complete().unwrap_err());
    assert!(error.contains("unrecorded"), "{error}");
    Ok(())
}
