//! `docker/Dockerfile` and its health check.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use epistemic_tests::ServerProcess;

use super::{repository, strings, succeeds, text, yaml};

/// The instructions of the last stage, continued lines joined, without comments.
fn last_stage() -> Result<Vec<String>> {
    let text = text("docker/Dockerfile")?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let (_, stage) = joined.rsplit_once("\nFROM ").context("one stage only")?;
    Ok(stage.lines().map(str::to_owned).collect())
}

#[test]
fn the_image_is_not_root_and_holds_no_secret() -> Result<()> {
    let stage = last_stage()?;
    let user = stage.iter().find_map(|line| line.strip_prefix("USER ")).context("no USER")?;
    let compose = yaml("docker/engine-shards.compose.yml")?;
    for (name, service) in compose["services"].as_object().context("services")? {
        ensure!(service["user"] == user, "{name} runs as another user than owns the folders");
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let folder = volume.as_str().and_then(|volume| volume.rsplit(':').next()).context("a volume")?;
            let made = |line: &String| line.contains("install -d -o 10001") && line.contains(folder);
            ensure!(stage.iter().any(made), "{name}: a new volume at {folder} would belong to root");
        }
    }
    ensure!(stage.iter().any(|line| line.starts_with("HEALTHCHECK ")), "no HEALTHCHECK");
    ensure!(!stage.iter().any(|line| line.contains("AUTH_SECRET") || line.contains("allow-insecure")));
    Ok(())
}

#[test]
fn the_health_check_follows_the_shard() -> Result<()> {
    let compose = yaml("docker/engine-shards.compose.yml")?;
    let test = strings(&compose["services"]["engine-shard-1"]["healthcheck"]["test"])?;
    ensure!(text("docker/Dockerfile")?.contains(&format!("/usr/local/bin/{}", test[1])));

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

#[test]
fn the_scripts_are_bash() -> Result<()> {
    for script in ["docker/verify", "docker/healthcheck"] {
        succeeds(Command::new("bash").arg("-n").arg(repository(script)?))?;
    }
    Ok(())
}
