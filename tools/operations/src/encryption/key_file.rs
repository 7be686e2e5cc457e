//! Files with identities, which their owner alone may read, and files with recipients, as `age-keygen` makes them: one on
//! each line, and remarks behind `#`.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use age::secrecy::ExposeSecret;
use age::x25519::{Identity, Recipient};
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use zeroize::Zeroizing;

use super::error::KeyError;

/// Bytes of a file that are read.
const MAX_FILE: u64 = 1 << 20;

/// A recipient of the command line: `age1...`.
///
/// # Errors
/// It is none.
pub fn recipient(text: &str) -> Result<Recipient, KeyError> {
    parsed(text).map_err(KeyError::Recipient)
}

fn parsed(text: &str) -> Result<Recipient, &'static str> {
    let is_secret = text.trim_start().to_ascii_uppercase().starts_with("AGE-SECRET-KEY-");
    text.parse().map_err(|_| match is_secret {
        true => {
            "this is a secret key, and no recipient: it belongs into a file for --identity, and its recipient begins with age1"
        }
        false => "no age recipient: those that are taken begin with age1 and have 62 characters",
    })
}

/// The recipients of a file.
///
/// # Errors
/// It cannot be read, or a line is no recipient.
pub fn read_recipients(path: &Path) -> Result<Vec<Recipient>, KeyError> {
    let mut text = String::new();
    fs::File::open(path)?.take(MAX_FILE).read_to_string(&mut text)?;
    lines(path, &text, parsed)
}

/// The identities of a file.
///
/// # Errors
/// It cannot be read, others may read it, or a line is no identity. Identities with a passphrase and those of plugins are none.
pub fn read_identities(path: &Path) -> Result<Vec<Identity>, KeyError> {
    let file = fs::File::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path: path.display().to_string(), mode });
    }
    // Room for all of it, so that no shorter copy is left behind.
    let length = file.metadata()?.len().min(MAX_FILE);
    let mut text = Zeroizing::new(String::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
    file.take(MAX_FILE).read_to_string(&mut text)?;
    lines(path, &text, |line| {
        line.parse().map_err(|_| {
            "no identity: those that are taken begin with AGE-SECRET-KEY-1; decrypt a file that is encrypted itself before"
        })
    })
}

fn lines<T>(
    path: &Path,
    text: &str,
    parse: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<Vec<T>, KeyError> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let path = || path.display().to_string();
        found.push(parse(line).map_err(|reason| KeyError::Line { path: path(), line: number, reason })?);
    }
    if found.is_empty() {
        return Err(KeyError::Empty { path: path.display().to_string() });
    }
    Ok(found)
}

/// Makes an identity in a new file of mode 0600; returns its recipient. Durable on return.
///
/// # Errors
/// The file is there already, or cannot be written.
pub fn make_identity(path: &Path) -> Result<Recipient, KeyError> {
    let identity = Identity::generate();
    let recipient = identity.to_public();
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let secret = identity.to_string();
    writeln!(file, "# public key: {recipient}\n{}", secret.expose_secret())?;
    file.sync_all()?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(recipient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_they_are_made_and_mistakes_are_told_without_secrets() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("host.key");
        let made = make_identity(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = read_identities(&path).unwrap();
        assert_eq!(read.iter().map(Identity::to_public).collect::<Vec<_>>(), std::slice::from_ref(&made));
        make_identity(&path).expect_err("it is there already");

        let secret = fs::read_to_string(&path).unwrap().lines().last().unwrap().to_owned();
        let recipients = home.path().join("recipients");
        fs::write(&recipients, format!("# us\n\n{made}\n")).unwrap();
        assert_eq!(read_recipients(&recipients).unwrap(), [made]);
        fs::write(&recipients, format!("# us\n{secret}\n")).unwrap();
        for error in [recipient(&secret).unwrap_err(), read_recipients(&recipients).unwrap_err()] {
            let error = error.to_string();
            assert!(error.contains("this is a secret key") && !error.contains(&secret), "{error}");
        }
        fs::write(&recipients, "# nobody\n").unwrap();
        assert!(matches!(read_recipients(&recipients), Err(KeyError::Empty { .. })));

        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        assert!(matches!(read_identities(&path), Err(KeyError::Open { mode: 0o640, .. })));
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        fs::write(&path, format!("{secret}x\n")).unwrap();
        let error = read_identities(&path).err().unwrap().to_string();
        assert!(error.contains("line 1") && !error.contains(&secret), "{error}");
    }
}
