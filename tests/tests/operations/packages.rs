//! What `scripts/package` packs. That it can be installed, upgraded and removed is tried by `scripts/package-check`, and that
//! the image runs by `docker/verify`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use epistemic_tests::{ServerProcess, binaries};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{repository, strings, succeeds, text, yaml};

const PROGRAMS: [&str; 3] = ["epistemic-graph-server", "epistemic-graph-gateway", "egctl"];
/// Of the image, as it is loaded.
const MOST_BYTES: u64 = 60_000_000;

/// Packs the programs under test and returns the folder of the result with its path.
fn package(kind: &str) -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("dist");
    let mut pack = Command::new(repository("scripts/package")?);
    succeeds(
        pack.env("PYTHONDONTWRITEBYTECODE", "1")
            .args([kind, "--bin-dir"])
            .arg(binaries::bin_dir()?)
            .arg("--out")
            .arg(&out),
    )?;
    succeeds(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&out))?;
    let mut made = fs_err::read_dir(&out)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    made.retain(|path| !path.ends_with("SHA256SUMS"));
    ensure!(made.len() == 1, "{made:?}");
    Ok((folder, made.remove(0)))
}

fn unpack(archive: &Path, to: &Path) -> Result<()> {
    fs_err::create_dir(to)?;
    succeeds(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(to))?;
    Ok(())
}

fn version_of(program: &Path) -> Result<String> {
    let said = succeeds(Command::new(program).arg("--version"))?;
    said.split_whitespace().nth(1).map(str::to_owned).with_context(|| said.clone())
}

#[test]
fn the_tarball_has_programs_units_and_documents() -> Result<()> {
    let (folder, path) = package("tarball")?;
    let root = folder.path().join("root");
    unpack(&path, &root)?;
    let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".tar.gz"));
    let top = root.join(name.context("name")?);
    for program in PROGRAMS {
        version_of(&top.join("bin").join(program))?;
    }
    for file in ["LICENSE", "deploy/systemd/epistemic-graph-shard@.service", "doc/docs/errors/README.md"] {
        ensure!(top.join(file).is_file(), "{file} is missing");
    }
    Ok(())
}

#[test]
fn the_debian_package_has_units_configuration_and_user() -> Result<()> {
    let (folder, path) = package("deb")?;
    let root = folder.path().join("root");
    succeeds(Command::new("dpkg-deb").arg("--raw-extract").arg(&path).arg(&root))?;
    let file = |name: &str| fs_err::read_to_string(root.join(name));
    let control = file("DEBIAN/control")?;
    let version = version_of(&root.join("usr/bin/egctl"))?;
    ensure!(
        control.contains(&format!("\nVersion: {version}-1\n")) && control.contains("libc6 (>= 2."),
        "{control}"
    );
    ensure!(file("DEBIAN/conffiles")? == "/etc/epistemic-graph/tier.env\n");
    for unit in [
        "epistemic-graph-shard@",
        "epistemic-graph-gateway",
        "epistemic-graph-backup",
        "epistemic-graph-backup-drill",
    ] {
        let text = file(&format!("lib/systemd/system/{unit}.service"))?;
        let starts: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("ExecStart=/")).collect();
        ensure!(!starts.is_empty(), "{unit} starts nothing");
        for start in starts {
            let program = start.split(' ').next().unwrap_or_default();
            ensure!(root.join(program).is_file(), "{unit} starts {program}, which the package does not have");
        }
    }
    let units = "deploy/systemd/epistemic-graph";
    ensure!(file("usr/lib/sysusers.d/epistemic-graph.conf")? == text(&format!("{units}.sysusers.conf"))?);
    ensure!(file("usr/lib/tmpfiles.d/epistemic-graph.conf")? == text(&format!("{units}.tmpfiles.conf"))?);
    for script in ["postinst", "prerm", "postrm"] {
        succeeds(Command::new("sh").arg("-n").arg(root.join("DEBIAN").join(script)))?;
    }
    Ok(())
}

/// User, folders and health check are those of the compose file, every library is there, and no secret.
#[test]
fn the_image_is_small_complete_and_not_root() -> Result<()> {
    let (folder, path) = package("image")?;
    let image = folder.path().join("image");
    unpack(&path, &image)?;
    let json = |name: &str| -> Result<Value> {
        Ok(serde_json::from_str(&fs_err::read_to_string(image.join(name))?)?)
    };
    let manifest = json("manifest.json")?;
    let layer = image.join(manifest[0]["Layers"][0].as_str().context("Layers")?);
    let size = fs_err::metadata(&path)?.len();
    ensure!(size < MOST_BYTES, "{size} bytes");
    let config = json(manifest[0]["Config"].as_str().context("Config")?)?["config"].clone();
    ensure!(config["Env"] == json!(["PATH=/usr/local/bin:/usr/bin:/bin"]), "{config}");

    let listed = succeeds(Command::new("tar").args(["--numeric-owner", "-tvf"]).arg(&layer))?;
    let compose = yaml("docker/engine-shards.compose.yml")?;
    for (name, service) in compose["services"].as_object().context("services")? {
        ensure!(service["user"] == config["User"], "{name} runs as another user than owns the folders");
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let inside = volume.as_str().and_then(|volume| volume.rsplit(":/").next()).context("a volume")?;
            let owned = |line: &str| {
                line.starts_with("drwx------ 10001/10001") && line.ends_with(&format!(" {inside}/"))
            };
            ensure!(listed.lines().any(owned), "{name}: a new volume at {inside} would belong to root");
        }
        let test = strings(&service["healthcheck"]["test"])?;
        ensure!(listed.contains(&format!(" usr/local/bin/{}\n", test[1])), "{test:?}");
    }

    let root = folder.path().join("root");
    unpack(&layer, &root)?;
    for program in PROGRAMS {
        // The loader of the image alone, and where it finds what the program needs.
        let loaded = succeeds(
            Command::new(root.join("lib64/ld-linux-x86-64.so.2"))
                .args(["--inhibit-cache", "--library-path"])
                .arg(root.join("lib/x86_64-linux-gnu"))
                .arg("--list")
                .arg(root.join("usr/local/bin").join(program)),
        )?;
        for library in loaded.lines().filter_map(|line| line.split_once("=> ")?.1.split(' ').next()) {
            ensure!(Path::new(library).starts_with(&root), "{program}: {library} is not in the image");
        }
    }
    Ok(())
}

#[test]
fn the_health_check_follows_the_shard() -> Result<()> {
    let mut server = ServerProcess::ours().metrics().start()?;
    let port = server.metrics_addr().port().to_string();
    let script = repository("docker/healthcheck")?;
    let check = |arguments: &[&str]| succeeds(Command::new(&script).arg(&port).args(arguments));
    check(&[])?;
    check(&["healthz"])?;
    server.terminate()?;
    ensure!(check(&[]).is_err(), "nobody listens");
    Ok(())
}

/// pip puts the program beside the interpreter, where the newest published client finds it.
#[test]
fn the_wheel_gives_clients_the_server() -> Result<()> {
    let (folder, path) = package("wheel")?;
    let venv = folder.path().join("venv");
    let python = binaries::reference_python(binaries::SIGNING_CLIENT)?;
    succeeds(Command::new(&python).args(["-m", "venv", "--without-pip"]).arg(&venv))?;
    let ours = venv.join("bin/python");
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "--python"]).arg(&ours).args(["install", "--no-index", "--no-deps", "--quiet"]);
    succeeds(pip.arg(&path))?;
    let program = venv.join("bin/epistemic-graph-server");
    ensure!(version_of(&program)? == version_of(&binaries::server()?)?);

    let packages = succeeds(
        Command::new(&python).args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]),
    )?;
    let finds = |variable: &str| {
        let code = "from epistemic_graph.server_binary import resolve_server_binary as find; print(find())";
        let mut client = Command::new(&ours);
        client.env("PYTHONPATH", packages.trim()).env("EPISTEMIC_GRAPH_SERVER_BIN", variable);
        succeeds(client.args(["-B", "-c", code]))
    };
    ensure!(finds("")?.trim() == program.to_string_lossy());
    ensure!(finds("/opt/other")?.trim() == "/opt/other");
    Ok(())
}

/// A valid document, in which the programs are those that were packed, and each crate leads to one of them.
#[test]
fn the_bill_of_materials_is_valid_and_of_these_programs() -> Result<()> {
    let (_folder, path) = package("sbom")?;
    let check = repository("tests/python/sbom_check.py")?;
    succeeds(Command::new(binaries::cyclonedx_python()?).arg("-B").arg(&check).arg(&path))?;
    let bom: Value = serde_json::from_str(&fs_err::read_to_string(&path)?)?;
    let components = bom["components"].as_array().context("components")?;
    let named = |name: &str| components.iter().find(|component| component["name"] == name);
    for program in PROGRAMS {
        let sum = named(program).context(program)?["hashes"][0]["content"].as_str().context("a checksum")?;
        ensure!(sum.len() == 64, "{program}: {sum}");
    }
    for (name, is_there) in [("librocksdb-sys", true), ("rustls", true), ("proptest", false)] {
        ensure!(named(name).is_some() == is_there, "{name}");
    }
    // A document that names something that is not in it is noticed.
    let broken = path.with_extension("broken");
    fs_err::write(
        &broken,
        bom.to_string().replacen("\"bom-ref\":\"pkg:cargo/rustls@", "\"bom-ref\":\"pkg:cargo/rusted@", 1),
    )?;
    ensure!(
        succeeds(Command::new(binaries::cyclonedx_python()?).arg("-B").arg(&check).arg(&broken)).is_err()
    );
    Ok(())
}

#[test]
fn the_scripts_are_scripts() -> Result<()> {
    for script in ["docker/verify", "scripts/package-check", "scripts/setup", "scripts/walkthrough"] {
        succeeds(Command::new("bash").arg("-n").arg(repository(script)?))?;
    }
    let help = succeeds(
        Command::new(repository("scripts/package")?).env("PYTHONDONTWRITEBYTECODE", "1").arg("--help"),
    )?;
    ensure!(["tarball", "deb", "image", "wheel", "sbom"].iter().all(|kind| help.contains(kind)), "{help}");
    Ok(())
}
