//! One stream, encrypted or in the clear.

use std::io::{self, BufReader, Read, Write};

use age::stream::{StreamReader, StreamWriter};
use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};

/// What is written to it is encrypted, if it is for anybody.
pub(crate) enum Encrypting<W: Write> {
    Clear(W),
    Age(StreamWriter<W>),
}

impl<W: Write> Encrypting<W> {
    /// For these recipients; in the clear when there are none.
    pub(super) fn new(recipients: &[Recipient], to: W) -> io::Result<Self> {
        if recipients.is_empty() {
            return Ok(Self::Clear(to));
        }
        let recipients = recipients.iter().map(|recipient| recipient as &dyn age::Recipient);
        let encryptor = Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
        Ok(Self::Age(encryptor.wrap_output(to)?))
    }

    /// Whether it is.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Age(_))
    }

    /// Writes its end. Without that a reader takes it for cut.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Self::Clear(to) => Ok(to),
            Self::Age(to) => to.finish(),
        }
    }
}

impl<W: Write> Write for Encrypting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(to) => to.write(bytes),
            Self::Age(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(to) => to.flush(),
            Self::Age(to) => to.flush(),
        }
    }
}

/// An encrypted stream that is read. A piece of it is only handed out when it is known to be as it was written, and its end only
/// when nothing is missing.
pub(crate) struct Decrypting<R: Read>(StreamReader<BufReader<R>>);

impl<R: Read> Decrypting<R> {
    /// For one of these identities.
    pub(super) fn new(identities: &[Identity], from: R) -> Result<Self, DecryptError> {
        let identities = identities.iter().map(|identity| identity as &dyn age::Identity);
        Ok(Self(Decryptor::new_buffered(BufReader::new(from))?.decrypt(identities)?))
    }
}

impl<R: Read> Read for Decrypting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encrypted(recipients: &[Recipient], content: &[u8]) -> Vec<u8> {
        let mut writer = Encrypting::new(recipients, Vec::new()).unwrap();
        writer.write_all(content).unwrap();
        writer.finish().unwrap()
    }

    fn read(identity: &Identity, from: &[u8]) -> Result<Vec<u8>, String> {
        let reader = Decrypting::new(std::slice::from_ref(identity), from);
        let (mut content, mut reader) = (Vec::new(), reader.map_err(|error| error.to_string())?);
        reader.read_to_end(&mut content).map_err(|error| error.to_string())?;
        Ok(content)
    }

    #[test]
    fn each_recipient_reads_it_and_nobody_else_and_nothing_that_was_changed() {
        let [one, other, third] = std::array::from_fn(|_| Identity::generate());
        // More than one piece of age's.
        let content: Vec<u8> = (0..150_000_u32).map(|number| (number % 251) as u8).collect();
        let stored = encrypted(&[one.to_public(), other.to_public()], &content);
        assert!(!stored.windows(16).any(|window| window == &content[..16]));
        assert_eq!(read(&one, &stored).unwrap(), content);
        assert_eq!(read(&other, &stored).unwrap(), content);
        read(&third, &stored).unwrap_err();
        for at in (0..600).chain([70_000, 140_000, stored.len() - 1]) {
            let mut changed = stored.clone();
            changed[at] ^= 1;
            read(&one, &changed).expect_err(&format!("flipped at {at}"));
        }
        // Where a piece ends too.
        let header = stored.len() - content.len() - 3 * 16;
        for at in [0, 10, header, header + (64 << 10) + 16, header + 2 * ((64 << 10) + 16), stored.len() - 1]
        {
            read(&one, &stored[..at]).expect_err(&format!("cut at {at}"));
        }
        assert_eq!(encrypted(&[], &content), content);
    }
}
