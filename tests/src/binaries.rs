//! Where the programs under test are. A missing one is an error that names the command which makes it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The reference versions that are installed, oldest first.
pub const REFERENCE_VERSIONS: [&str; 3] = ["0.28.0", "0.31.0", "2.0.0"];

/// The published clients that ours is tested with and that send a token over the id of a request, oldest first.
pub const CLIENT_VERSIONS: [&str; 4] = ["0.28.0", "0.31.0", "2.0.0", "2.23.0"];

/// The published client that ours is tested with and that signs its requests.
pub const SIGNING_CLIENT: &str = "2.27.7";

/// Our server program.
pub fn server() -> Result<PathBuf> {
    built("epistemic-graph-server", "epistemic-engine")
}

/// Our operator tool.
pub fn egctl() -> Result<PathBuf> {
    built("egctl", "epistemic-egctl")
}

/// Our gateway.
pub fn gateway() -> Result<PathBuf> {
    built("epistemic-graph-gateway", "epistemic-gateway")
}

/// An example program of a package.
pub fn example(name: &str, package: &str) -> Result<PathBuf> {
    let path = bin_dir()?.join("examples").join(name);
    let command = format!("cargo build --release -p {package} --examples");
    ensure!(path.is_file(), "{} is missing; make it with: {command}", path.display());
    Ok(path)
}

/// The server program of a reference version, such as `"0.31.0"`.
pub fn reference_server(version: &str) -> Result<PathBuf> {
    in_venv(version, "epistemic-graph-server")
}

/// The interpreter that has the Python client of a reference version installed.
pub fn reference_python(version: &str) -> Result<PathBuf> {
    in_venv(version, "python")
}

/// The interpreter that has the reasoner of `tests/python/datalog_oracle.py` installed.
pub fn datalog_python() -> Result<PathBuf> {
    of_setup("datalog/bin/python")
}

/// The interpreter that has the schemas for `tests/python/sbom_check.py` installed.
pub fn cyclonedx_python() -> Result<PathBuf> {
    of_setup("cyclonedx/bin/python")
}

/// The interpreter that has the schemas for `tests/python/kubernetes_check.py` installed.
pub fn kubernetes_python() -> Result<PathBuf> {
    of_setup("kubernetes/bin/python")
}

/// The script of axe-core, which finds what people with assistive technology cannot use in a page.
pub fn axe_script() -> Result<PathBuf> {
    of_setup("axe/script/axe_playwright_python/axe.min.js")
}

/// The interpreter that has the S3-compatible server of `tests/python/moto_server.py` installed.
pub fn s3_python() -> Result<PathBuf> {
    of_setup("s3/bin/python")
}

/// SeaweedFS, all of its servers.
pub fn seaweed() -> Result<PathBuf> {
    of_setup("seaweed/bin/weed")
}

fn of_setup(program: &str) -> Result<PathBuf> {
    let path = venvs()?.join(program);
    ensure!(path.exists(), "{} is missing; make it with: scripts/setup", path.display());
    Ok(path)
}

/// The folder of our programs: `EG_BIN_DIR`, else the parent of the folder of this test executable.
pub fn bin_dir() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("EG_BIN_DIR") {
        return Ok(dir.into());
    }
    let test = std::env::current_exe().context("path of the running test")?;
    let dir = test.parent().and_then(Path::parent).context("the test executable has no parent folder")?;
    Ok(dir.to_path_buf())
}

fn built(program: &str, package: &str) -> Result<PathBuf> {
    let path = bin_dir()?.join(program);
    ensure!(
        path.is_file(),
        "{} is missing; make it with: cargo build --release -p {package}",
        path.display()
    );
    Ok(path)
}

fn in_venv(version: &str, program: &str) -> Result<PathBuf> {
    let venv = venvs()?.join(version);
    let path = venv.join("bin").join(program);
    ensure!(
        path.exists(),
        "{} is missing; make it with: python3 -m venv {venv} && {venv}/bin/pip install epistemic-graph=={version}",
        path.display(),
        venv = venv.display(),
    );
    Ok(path)
}

fn venvs() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("EG_VENVS") {
        return Ok(dir.into());
    }
    let home = std::env::var_os("HOME").context("neither EG_VENVS nor HOME is set")?;
    Ok(PathBuf::from(home).join(".cache/epistemic-graph/venvs"))
}
