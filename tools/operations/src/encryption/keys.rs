//! For whom a command encrypts, and what it can open.

use std::io::{self, Read, Write};

use age::x25519::{Identity, Recipient};

use super::error::Locked;
use super::streams::{Decrypting, Encrypting};

/// The keys of a command. By default it encrypts nothing and opens nothing.
#[derive(Clone, Default)]
pub struct Keys {
    recipients: Vec<Recipient>,
    /// The recipients, and those of the identities.
    readers: Vec<Recipient>,
    identities: Vec<Identity>,
}

impl Keys {
    /// Encrypts for these recipients, for nobody else; without any it writes in the clear. Opens what is for one of these
    /// identities.
    pub fn new(recipients: Vec<Recipient>, identities: Vec<Identity>) -> Self {
        let own = identities.iter().map(Identity::to_public);
        let readers = match recipients.is_empty() {
            true => Vec::new(),
            false => sorted(recipients.iter().cloned().chain(own).collect()),
        };
        Self { recipients: sorted(recipients), readers, identities }
    }

    /// For whom content is encrypted, sorted; empty when it is not.
    pub fn recipients(&self) -> Vec<String> {
        self.recipients.iter().map(Recipient::to_string).collect()
    }

    /// Who can read what a later run goes on from: the recipients, and whoever has the identities of this run.
    pub fn readers(&self) -> Vec<String> {
        self.readers.iter().map(Recipient::to_string).collect()
    }

    /// Fails when something for these recipients stays closed; what is for nobody is in the clear.
    ///
    /// # Errors
    /// None of them is of one of the identities.
    pub fn must_open(&self, what: impl FnOnce() -> String, recipients: &[String]) -> Result<(), Locked> {
        let is_open = |recipient: &String| {
            self.identities.iter().any(|identity| identity.to_public().to_string() == *recipient)
        };
        if recipients.is_empty() || recipients.iter().any(is_open) {
            return Ok(());
        }
        Err(self.locked(what(), recipients.to_vec()))
    }

    /// The error of something that stays closed.
    pub(crate) fn locked(&self, what: String, recipients: Vec<String>) -> Locked {
        Locked { what, recipients, identities: self.identities.len() }
    }

    /// Writes for the recipients.
    pub(crate) fn for_recipients<W: Write>(&self, to: W) -> io::Result<Encrypting<W>> {
        Encrypting::new(&self.recipients, to)
    }

    /// Writes for the recipients and for the identities.
    pub(crate) fn for_readers<W: Write>(&self, to: W) -> io::Result<Encrypting<W>> {
        Encrypting::new(&self.readers, to)
    }

    /// Reads what is encrypted.
    ///
    /// # Errors
    /// It is for others, damaged, or cannot be read.
    pub(crate) fn decrypt<R: Read>(&self, from: R) -> Result<Decrypting<R>, age::DecryptError> {
        Decrypting::new(&self.identities, from)
    }
}

fn sorted(mut recipients: Vec<Recipient>) -> Vec<Recipient> {
    recipients.sort_by_cached_key(Recipient::to_string);
    recipients.dedup();
    recipients
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_compared_whatever_their_order() {
        let [one, other, host] = std::array::from_fn(|_| Identity::generate());
        let keys = |of: &[&Identity]| of.iter().map(|identity| identity.to_public()).collect::<Vec<_>>();
        let first = Keys::new(keys(&[&one, &other, &one]), vec![host.clone()]);
        let second = Keys::new(keys(&[&other, &one]), Vec::new());
        assert_eq!(first.recipients(), second.recipients());
        assert_eq!((second.readers().len(), first.readers().len()), (2, 3));
        assert!(Keys::new(Vec::new(), vec![host.clone()]).readers().is_empty(), "nobody reads what is clear");
        second.must_open(String::new, &[]).unwrap();
        let opener = Keys::new(Vec::new(), vec![host, other.clone()]);
        opener.must_open(String::new, &second.recipients()).unwrap();
        let only_one = [one.to_public().to_string()];
        let locked = opener.must_open(|| "run 'r'".to_owned(), &only_one).unwrap_err().to_string();
        assert!(locked.contains(&only_one[0]) && locked.contains("run 'r'"), "{locked}");
    }
}
