//! Encrypted backups and snapshot files of a real shard, with keys of our own and with `age` itself.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json as value};
use tempfile::TempDir;

use super::{GRAPH, Shard, done, egctl, fails, json, text};

const AGE: &[u8] = b"age-encryption.org/v1\n";

/// Identities in files, and their recipients.
struct Key {
    file: String,
    recipient: String,
}

fn key(home: &TempDir, name: &str) -> Result<Key> {
    let file = text(&home.path().join(name)).to_owned();
    let made = json(&[], &["backup", "keygen", "-o", &file])?;
    Ok(Key { file, recipient: made["recipient"].as_str().context("a recipient")?.to_owned() })
}

/// The files below a folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { found.extend(files(&path)?) } else { found.push(path) }
    }
    Ok(found)
}

/// `program` with arguments, and `input` for its standard input.
fn filtered(program: &str, args: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {program}; install it with: scripts/setup"))?;
    let mut stdin = child.stdin.take().context("its input")?;
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output()
    })?;
    ensure!(output.status.success(), "{program} {args:?}: {}", output.status);
    Ok(output.stdout)
}

#[test]
fn a_chain_is_made_by_one_key_and_restored_by_another() -> Result<()> {
    let mut shard = Shard::start()?;
    let home = TempDir::new()?;
    let [offline, host, stranger] = [key(&home, "offline")?, key(&home, "host")?, key(&home, "stranger")?];
    let url = text(&home.path().join("backup")).to_owned();
    let to = ["backup", "create", "--to", &url, "--endpoint", &shard.endpoint.clone()];
    let keys = ["--recipient", &offline.recipient, "--identity", &host.file];
    for run in 0..3 {
        shard.add(10 * run, 10)?;
        let created = json(&shard.env, &[&to[..], &keys].concat())?;
        assert_eq!(done(&created)?, if run == 0 { "full" } else { "increment" }, "{created}");
        assert_eq!(created["recipients"], value!([offline.recipient]));
    }
    assert_eq!(done(&json(&shard.env, &[&to[..], &keys].concat())?)?, "unchanged");
    let expected = shard.digest(GRAPH)?;

    // Nothing of the names is there for others, compressed or not.
    for path in files(Path::new(&url))? {
        let bytes = fs_err::read(&path)?;
        ensure!(!path.extension().is_some_and(|ext| ext == "pack" || ext == "zst") || bytes.starts_with(AGE));
        ensure!(!bytes.windows(GRAPH.len()).any(|window| window == GRAPH.as_bytes()), "{}", path.display());
    }

    // Whoever makes backups, and whoever has no key, restores nothing and touches nothing.
    let from = ["--from", &*url];
    let empty = home.path().join("empty");
    fs_err::create_dir(&empty)?;
    let with = |key: &Key| vec!["--identity".to_owned(), key.file.clone()];
    for identity in [vec![], with(&host), with(&stranger)] {
        let identity: Vec<&str> = identity.iter().map(String::as_str).collect();
        for command in [
            &["backup", "verify"][..],
            &["backup", "drill"],
            &["backup", "restore", "--to-dir", text(&empty)],
            &["backup", "restore", "--graph", GRAPH, "--replace", "--endpoint", &shard.endpoint],
            &["nodes", "--graph", GRAPH],
        ] {
            let told = fails(&shard.env, 2, &[command, &from, &identity].concat());
            ensure!(told.contains("ENCRYPTED: ") && told.contains(&offline.recipient), "{command:?}: {told}");
        }
    }
    ensure!(files(&empty)?.is_empty(), "{:?}", files(&empty)?);
    assert_eq!(shard.digest(GRAPH)?, expected);

    let opened = [&from[..], &["--identity", &offline.file]].concat();
    assert_eq!(json(&[], &[&["backup", "verify"], &opened[..]].concat())?["damage"], value!([]));
    json(&[], &[&["backup", "drill"], &opened[..]].concat())?;
    json(&[], &[&["backup", "restore", "--to-dir", text(&empty)], &opened[..]].concat())?;
    let digest = json(&[], &["digest", GRAPH, "--dir", text(&empty)])?;
    assert_eq!(digest["graphs"][0]["digest"], value!(expected.0));
    let restore = ["backup", "restore", "--graph", GRAPH, "--as", "copy", "--endpoint", &shard.endpoint];
    json(&shard.env, &[&restore, &opened[..]].concat())?;
    assert_eq!(shard.digest("copy")?, expected);
    let nodes = json(&[], &[&["nodes", "--graph", GRAPH], &opened[..]].concat())?;
    ensure!(nodes.to_string().contains("n\\n1"), "{nodes}");
    Ok(())
}

#[test]
fn damage_of_encrypted_objects_is_found_and_named() -> Result<()> {
    let mut shard = Shard::start()?;
    let home = TempDir::new()?;
    let key = key(&home, "key")?;
    let url = text(&home.path().join("backup")).to_owned();
    let keys = ["--recipient", &key.recipient, "--identity", &key.file];
    shard.add(0, 500)?;
    for _ in 0..2 {
        shard.add(500, 5)?;
        let to = ["backup", "create", "--to", &url, "--endpoint", &shard.endpoint.clone()];
        json(&shard.env, &[&to[..], &keys].concat())?;
    }
    let verify = ["backup", "verify", "--from", &url, "--identity", &key.file];
    for path in files(Path::new(&url))?.into_iter().filter(|path| !path.to_string_lossy().contains("/marks/"))
    {
        let whole = fs_err::read(&path)?;
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 1;
        for bytes in [&flipped[..], &whole[..whole.len() / 2], &whole[..whole.len() - 1]] {
            fs_err::write(&path, bytes)?;
            let output = egctl(&[], &verify)?;
            let told = String::from_utf8_lossy(&output.stdout).into_owned();
            // That of the run before the newest is not looked at.
            let is_older = path.extension().is_some_and(|ext| ext == "json") && output.status.success();
            let named = path.strip_prefix(&url)?.to_string_lossy().into_owned();
            let run = path.file_stem().context("a name")?.to_string_lossy().into_owned();
            ensure!(
                is_older || output.status.code() == Some(4) && (told.contains(&named) || told.contains(&run)),
                "{named}: {told}"
            );
        }
        fs_err::write(&path, &whole)?;
    }
    json(&[], &verify)?;
    Ok(())
}

#[test]
fn runs_in_the_clear_and_encrypted_ones_are_told_apart() -> Result<()> {
    let mut shard = Shard::start()?;
    let home = TempDir::new()?;
    let key = key(&home, "key")?;
    let url = text(&home.path().join("backup")).to_owned();
    // As every command of a tier has them.
    let config = home.path().join("egctl.toml");
    let context = format!("[contexts.sealed]\nrecipients = [{:?}]\nidentity = \"key\"\n", key.recipient);
    fs_err::write(&config, context)?;
    let sealed = ["--config", text(&config), "--context", "sealed"];
    let to = ["backup", "create", "--to", &url, "--endpoint", &shard.endpoint.clone()];
    json(&shard.env, &to)?;
    shard.add(0, 3)?;
    let created = json(&shard.env, &[&to[..], &sealed].concat())?;
    let warnings = created["warnings"].to_string();
    ensure!(warnings.contains("the backup before is in the clear"), "{warnings}");
    assert_eq!(done(&created)?, "full");
    shard.add(3, 3)?;
    assert_eq!(done(&json(&shard.env, &[&to[..], &sealed].concat())?)?, "increment");

    let told = fails(&shard.env, 4, &to);
    ensure!(told.contains(&key.recipient) && told.contains("--unencrypted"), "{told}");
    let told = fails(&shard.env, 2, &[&to[..], &["--recipient", &key.recipient]].concat());
    ensure!(told.contains("no identity was given") && told.contains("--full"), "{told}");

    let listed = json(&[], &["backup", "list", "--from", &url])?;
    let encryption = |run: &Value| (run["recipients"].clone(), run["locked"].clone());
    let runs = listed["runs"].as_array().context("runs")?;
    let expected = [(value!([]), value!(false)), (value!([key.recipient]), value!(true))];
    assert_eq!([encryption(&runs[0]), encryption(&runs[2])], expected);
    let output = egctl(&[], &["backup", "list", "--from", &url])?;
    let shown = String::from_utf8(output.stdout)?;
    ensure!(shown.contains("WARNING: 1 of these runs are in the clear, beside 2"), "{shown}");

    // A prune needs the identity of the machine; what was in the clear goes with it.
    let prune = ["backup", "prune", "--from", &url, "--keep-last", "2"];
    ensure!(fails(&[], 2, &prune).contains("ENCRYPTED: "));
    json(&[], &[&prune[..], &sealed].concat())?;
    let packs =
        files(Path::new(&url))?.into_iter().filter(|path| path.extension().is_some_and(|ext| ext == "pack"));
    for path in packs {
        ensure!(fs_err::read(&path)?.starts_with(AGE), "{}", path.display());
    }
    json(&[], &[&["backup", "verify", "--from", &url], &sealed[..]].concat())?;

    // The context encrypts, and the command line says otherwise.
    let created = json(&shard.env, &[&to[..], &["--unencrypted"], &sealed].concat())?;
    assert_eq!((done(&created)?, &created["recipients"]), ("full", &value!([])));
    Ok(())
}

#[test]
fn a_snapshot_file_is_read_by_us_and_by_age() -> Result<()> {
    let shard = Shard::start()?;
    let home = TempDir::new()?;
    let [key, other] = [key(&home, "key")?, key(&home, "other")?];
    let [clear, sealed] = ["clear", "sealed"].map(|name| text(&home.path().join(name)).to_owned());
    let export = ["snapshot", "export", GRAPH, "--endpoint", &shard.endpoint, "-o"];
    json(&shard.env, &[&export[..], &[&clear]].concat())?;
    let recipients = home.path().join("recipients");
    fs_err::write(&recipients, format!("# us\n{}\n{}\n", key.recipient, other.recipient))?;
    json(&shard.env, &[&export[..], &[&sealed, "--recipients-file", text(&recipients)]].concat())?;

    let bytes = fs_err::read(&sealed)?;
    ensure!(bytes.starts_with(AGE));
    let compressed = filtered("age", &["-d", "-i", &key.file], &bytes)?;
    let snapshot = filtered("zstd", &["-d"], &compressed)?;
    ensure!(snapshot.starts_with(b"EGSNAP01"));
    // And the other way round.
    let foreign = text(&home.path().join("foreign")).to_owned();
    fs_err::write(
        &foreign,
        filtered("age", &["-r", &key.recipient], &filtered("zstd", &["-c"], &snapshot)?)?,
    )?;

    let digest = shard.digest(GRAPH)?.0;
    for file in [&clear, &sealed, &foreign] {
        let identity = ["--identity", &key.file];
        let verified = json(&[], &[&["snapshot", "verify", file], &identity[..]].concat())?;
        assert_eq!(verified["digest"], value!(digest), "{file}");
        let told = json(&[], &[&["digest", "--file", file], &identity[..]].concat())?;
        assert_eq!(told["graphs"][0]["digest"], value!(digest), "{file}");
        let nodes = json(&[], &[&["nodes", "--file", file], &identity[..]].concat())?;
        ensure!(nodes.to_string().contains("n\\n1"), "{nodes}");
        json(&[], &[&["diff", file, &clear], &identity[..]].concat())?;
        let dir = home.path().join(format!("{}-dir", Path::new(file).display()));
        fs_err::create_dir(&dir)?;
        json(&[], &[&["snapshot", "import", file, "--dir", text(&dir)], &identity[..]].concat())?;
        let imported = json(&[], &["digest", "--dir", text(&dir)])?;
        ensure!(imported.to_string().contains(&digest), "{imported}");
    }
    let into = ["snapshot", "import", &sealed, "--as", "copy", "--endpoint", &shard.endpoint];
    ensure!(fails(&shard.env, 2, &into).contains("no identity was given"));
    json(&shard.env, &[&into[..], &["--identity", &other.file]].concat())?;
    assert_eq!(shard.digest("copy")?.0, digest);
    for at in [bytes.len() / 2, bytes.len() - 1] {
        fs_err::write(&sealed, &bytes[..at])?;
        let output = egctl(&[], &["snapshot", "verify", &sealed, "--identity", &key.file])?;
        ensure!(!output.status.success(), "cut at {at}");
    }
    Ok(())
}
