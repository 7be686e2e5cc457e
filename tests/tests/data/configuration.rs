//! `egctl.toml`, errors as JSON, quiet success, progress.

use std::os::unix::fs::PermissionsExt;

use anyhow::{Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::{GRAPH, SECRET, command, egctl, endpoint, fails, json, said, server_with_graph, text};

#[test]
fn a_context_says_where_the_shards_are() -> Result<()> {
    let server = server_with_graph()?;
    let home = TempDir::new()?;
    let (config, secret) = (home.path().join("egctl.toml"), home.path().join("secret"));
    fs_err::write(&secret, SECRET)?;
    fs_err::set_permissions(&secret, std::fs::Permissions::from_mode(0o600))?;
    let content = format!(
        "context = \"here\"\n[contexts.here]\nendpoints = [\"{}\"]\nsecret_file = \"secret\"\ndefault_graph = \"{GRAPH}\"\n\
         [contexts.gone]\nendpoints = [\"tcp://127.0.0.1:9\"]\n",
        endpoint(&server)
    );
    fs_err::write(&config, content)?;
    let run = |args: &[&str], env: &[(&str, &str)]| -> Result<_> {
        let mut command = command(args)?;
        command.env_remove("GRAPH_SERVICE_AUTH_SECRET").envs(env.iter().copied());
        Ok(command.output()?)
    };
    let by_flag = ["labels", "--json", "--config", text(&config)];
    let by_variable = [("EGCTL_CONFIG", text(&config))];
    for output in [run(&by_flag, &[])?, run(&["labels", "--json"], &by_variable)?] {
        let told: Value = serde_json::from_str(&said(&output)?)?;
        ensure!(told["graph"] == GRAPH && told["nodes"] == 4, "{told}");
    }
    // Without a name, variables go before the file; a flag goes before all.
    let elsewhere = [("GRAPH_SERVICE_TCP_ADDR", "127.0.0.1:9")];
    ensure!(run(&by_flag, &elsewhere)?.status.code() == Some(3), "the variable is asked");
    let named = [&by_flag[..], &["--context", "here"]].concat();
    ensure!(run(&named, &elsewhere)?.status.success(), "the context was asked for");
    let gone = [
        "labels",
        "--config",
        text(&config),
        "--context",
        "gone",
        "--secret-file",
        text(&secret),
        "-g",
        GRAPH,
    ];
    ensure!(run(&gone, &[])?.status.code() == Some(3), "the other context");
    let place = endpoint(&server);
    ensure!(run(&[&gone[..], &["--endpoint", &place]].concat(), &[])?.status.success(), "the flag");

    // The file of the user is found by itself.
    let folder = home.path().join(".config/epistemic-graph");
    fs_err::create_dir_all(&folder)?;
    fs_err::copy(&config, folder.join("egctl.toml"))?;
    fs_err::copy(&secret, folder.join("secret"))?;
    ensure!(run(&["labels", "--json"], &[("HOME", text(home.path()))])?.status.success(), "in the home");
    for (args, told) in [
        (
            &["status", "--context", "prod", "--config", text(&config)][..],
            "there is no context \"prod\"; there are: gone, here",
        ),
        (&["status", "--context", "prod"], "name it with --config"),
        (&["status", "--config", "/nonexistent/egctl.toml"], "/nonexistent/egctl.toml"),
    ] {
        let output = egctl(args)?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success() && error.contains(told), "{args:?}: {error}");
    }
    Ok(())
}

#[test]
fn errors_are_json_where_results_are() -> Result<()> {
    let server = server_with_graph()?;
    let place = endpoint(&server);
    let told = |code: i32, args: &[&str]| -> Result<Value> {
        let error = fails(code, args);
        ensure!(error.lines().count() == 1, "{error}");
        Ok(serde_json::from_str(&error)?)
    };
    let error = told(1, &["labels", "-g", "no\nbody", "--json", "--endpoint", &place])?;
    ensure!(error["code"] == "NOT_FOUND" && error["exit"] == 1, "{error}");
    ensure!(error["error"].as_str().is_some_and(|text| text.contains("not found")), "{error}");
    let error = told(3, &["status", "--json", "--endpoint", "tcp://127.0.0.1:9"])?;
    ensure!(error["exit"] == 3, "{error}");
    let error = told(2, &["graph", "delete", GRAPH, "--json", "--endpoint", &place])?;
    ensure!(error["exit"] == 2 && error["code"].is_null(), "{error}");
    Ok(())
}

#[test]
fn success_can_be_quiet_and_progress_is_shown_when_asked_for() -> Result<()> {
    let server = server_with_graph()?;
    let place = endpoint(&server);
    let home = TempDir::new()?;
    let file = home.path().join("g.jsonl");
    let output = egctl(&["export", "-g", GRAPH, "-o", text(&file), "--endpoint", &place, "--quiet"])?;
    ensure!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");
    ensure!(
        fails(1, &["export", "-g", "gone", "-o", text(&file), "--endpoint", &place, "-q"])
            .contains("not found")
    );
    // Too short to be seen: the flag is taken everywhere.
    json(&["--progress", "labels", "-g", GRAPH, "--endpoint", &place])?;
    json(&["labels", "-g", GRAPH, "--endpoint", &place, "--progress"])?;
    Ok(())
}

#[test]
fn sizes_and_times_are_written_alike() -> Result<()> {
    for (args, told) in [
        (&["move", "g", "--from", "tcp://h:1", "--to", "tcp://h:2", "--rate-limit", "50"][..], "50MB"),
        (&["reshard", "plan", "--from", "tcp://h:1", "--to", "tcp://h:2", "--rate-limit", "50"], "50MB"),
        (&["move", "g", "--from", "tcp://h:1", "--to", "tcp://h:2", "--max-pause", "2h"], "0.1 to 60"),
        (&["status", "--timeout", "soon"], "500ms"),
    ] {
        let error = fails(2, args);
        ensure!(error.contains(told), "{args:?}: {error}");
    }
    fails(3, &["status", "--timeout", "500ms", "--endpoint", "tcp://127.0.0.1:9"]);
    Ok(())
}
