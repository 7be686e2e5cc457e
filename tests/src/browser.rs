//! Headless Chromium, driven over its debugging pipe (Chrome DevTools Protocol): JSON texts that end with a zero byte,
//! to its descriptor 3 and from its descriptor 4.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::wait;

const LIMIT: Duration = Duration::from_secs(60);

/// A browser with one page. Dropping it kills the process and removes its profile.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    /// What the page reported since it was opened: requests, console, exceptions.
    events: Vec<Value>,
    next_id: u64,
    session: Option<String>,
    _profile: TempDir,
}

impl Browser {
    /// Starts `chromium` with an empty page. No name resolves in it but `localhost`.
    pub fn start() -> Result<Browser> {
        let profile = tempfile::Builder::new().prefix("eg-browser-").tempdir()?;
        // The shell moves the two pipes to the descriptors that the browser expects.
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(r#"exec chromium "$@" 3<&0 4>&1 </dev/null >/dev/null"#)
            .arg("chromium")
            .args(["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu"])
            .args(["--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("start chromium; scripts/setup installs it")?;
        let input = child.stdin.take().context("no pipe to the browser")?;
        let output = child.stdout.take().context("no pipe from the browser")?;
        let (sender, messages) = channel();
        std::thread::Builder::new().name("browser".into()).spawn(move || {
            let _ = read_messages(output, |message| sender.send(message).is_ok());
        })?;
        let (events, session) = (Vec::new(), None);
        let mut browser = Browser { child, input, messages, events, next_id: 1, session, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}))?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach)?;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page.enable", "Runtime.enable", "Network.enable", "Log.enable"] {
            browser.call(domain, json!({}))?;
        }
        Ok(browser)
    }

    /// Calls a method of the protocol and waits for its result.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        let id = self.next_id;
        self.next_id += 1;
        let mut request = json!({"id": id, "method": method, "params": params});
        if let Some(session) = &self.session {
            request["sessionId"] = session.as_str().into();
        }
        let mut bytes = serde_json::to_vec(&request)?;
        bytes.push(0);
        self.input.write_all(&bytes)?;
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message =
                self.messages.recv_timeout(left).with_context(|| format!("no answer to {method}"))?;
            if message["id"] != id {
                self.events.push(message);
            } else if message["error"].is_object() {
                bail!("{method}: {}", message["error"]);
            } else {
                return Ok(message["result"].clone());
            }
        }
    }

    /// Opens an address.
    pub fn open(&mut self, url: &str) -> Result<()> {
        let opened = self.call("Page.navigate", json!({"url": url}))?;
        ensure!(opened["errorText"].is_null(), "{url}: {opened}");
        Ok(())
    }

    /// The value of a JavaScript expression.
    pub fn eval(&mut self, expression: &str) -> Result<Value> {
        let params = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", params)?;
        ensure!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        Ok(answer["result"]["value"].clone())
    }

    /// Waits until a JavaScript expression is true. One that fails is not true yet: a page is loaded in parts, and anew.
    pub fn wait_for(&mut self, expression: &str) -> Result<()> {
        let mut failure = None;
        let found = wait::poll(LIMIT, Duration::from_millis(50), || match self.eval(expression) {
            Ok(value) => Ok::<_, anyhow::Error>((value == true).then_some(())),
            Err(error) => {
                failure = Some(error);
                Ok(None)
            }
        })?;
        if found.is_none() {
            let text = self.eval("document.body.innerText").unwrap_or_default();
            let failed = failure.map(|error| format!("; it failed with {error:#}")).unwrap_or_default();
            bail!("{expression} never became true on\n{text}{failed}");
        }
        Ok(())
    }

    /// Loads the page anew.
    pub fn reload(&mut self) -> Result<()> {
        self.call("Page.reload", json!({})).map(drop)
    }

    /// Presses and releases a key such as `t`, `Tab`, `ArrowDown` or `Enter`.
    pub fn press(&mut self, key: &str) -> Result<()> {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            "Escape" => (27, ""),
            "Backspace" => (8, ""),
            "ArrowLeft" => (37, ""),
            "ArrowUp" => (38, ""),
            "ArrowRight" => (39, ""),
            "ArrowDown" => (40, ""),
            text => (0, text),
        };
        let mut params = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code});
        if !text.is_empty() {
            params["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", params)?;
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key})).map(drop)
    }

    /// Types a text where the focus is.
    pub fn type_text(&mut self, text: &str) -> Result<()> {
        self.call("Input.insertText", json!({"text": text})).map(drop)
    }

    /// Gives the page a size and a colour scheme, `light` or `dark`.
    pub fn show_as(&mut self, width: u32, height: u32, scheme: &str) -> Result<()> {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", size)?;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", features).map(drop)
    }

    /// Saves what is shown as PNG.
    pub fn screenshot(&mut self, path: &Path) -> Result<()> {
        let shot = self.call("Page.captureScreenshot", json!({"captureBeyondViewport": true}))?;
        let bytes = STANDARD.decode(shot["data"].as_str().context("no picture")?)?;
        Ok(fs_err::write(path, bytes)?)
    }

    /// Has a script run in every page that is opened from now on, before its own.
    pub fn run_first(&mut self, script: &str) -> Result<()> {
        self.call("Page.addScriptToEvaluateOnNewDocument", json!({"source": script})).map(drop)
    }

    /// Forgets what pages have reported until now.
    pub fn forget(&mut self) {
        self.events.clear();
    }

    /// The address of every request that the page made.
    pub fn requests(&self) -> Vec<String> {
        let sent = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.filter_map(|event| event["params"]["request"]["url"].as_str().map(str::to_owned)).collect()
    }

    /// Every exception and console message, and every entry of the browser's log that is an error.
    pub fn complaints(&self) -> Vec<String> {
        let is_one = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Runtime.consoleAPICalled") => true,
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            Some(_) | None => false,
        };
        self.events.iter().filter(is_one).map(Value::to_string).collect()
    }
}

fn read_messages(output: impl Read, mut take: impl FnMut(Value) -> bool) -> Result<()> {
    let mut output = BufReader::new(output);
    loop {
        let mut bytes = Vec::new();
        output.read_until(0, &mut bytes)?;
        if bytes.pop() != Some(0) || !take(serde_json::from_slice(&bytes)?) {
            return Ok(());
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            eprintln!("could not stop the browser {}: {error}", self.child.id());
        }
    }
}
