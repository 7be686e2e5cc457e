//! Documents that came as lists of integers, as the published clients send back what `ToMsgpack` gave them: made bytes in the
//! room that they take.

use std::time::Duration;

use bytes::Bytes;
use epistemic_storage::properties::token::{Reader, Token};

use super::envelope::Envelope;

/// No bit of these is set in eight integers of one byte each.
const SMALL: u64 = 0x8080_8080_8080_8080;
/// Milliseconds at most for the connection to let go of the frame that it has handed over.
const PATIENCE: usize = 20;

/// The same request with its parameter `msgpack` as a bin, if that is a long list of integers 0-255.
pub fn list_as_bin(mut body: Bytes) -> Bytes {
    let Some(list) = find(&body) else { return body };
    for _ in 0..PATIENCE {
        match body.try_into_mut() {
            Ok(mut bytes) => {
                let end = list.pack(&mut bytes);
                bytes.truncate(end);
                return bytes.freeze();
            }
            Err(shared) => body = shared,
        }
        #[expect(clippy::disallowed_methods, reason = "nothing tells when the last clone is dropped")]
        std::thread::sleep(Duration::from_millis(1));
    }
    // Decoding copies it then.
    body
}

/// Where a list of integers 0-255 is.
struct List {
    /// Its marker.
    start: usize,
    /// Its first integer.
    first: usize,
    /// Behind its last one.
    end: usize,
}

fn find(body: &[u8]) -> Option<List> {
    let params = Envelope::parse(body).ok()?.params?;
    let mut reader = Reader::at(body, params.as_ptr().addr() - body.as_ptr().addr());
    let Token::Map(pairs) = reader.token().ok()? else { return None };
    for _ in 0..pairs {
        if reader.token().ok()? != Token::Str(b"msgpack") {
            reader.skip(0).ok()?;
            continue;
        }
        let start = reader.position();
        let Token::Array(count) = reader.token().ok()? else { return None };
        let first = reader.position();
        // The marker of a short list says how many, too.
        if first == start + 1 {
            return None;
        }
        pass_integers(&mut reader, count)?;
        return Some(List { start, first, end: reader.position() });
    }
    None
}

/// Passes over `count` integers 0-255.
fn pass_integers(reader: &mut Reader<'_>, count: usize) -> Option<()> {
    let mut left = count;
    while left > 0 {
        if let Some(run) = reader.rest().first_chunk::<8>()
            && u64::from_ne_bytes(*run) & SMALL == 0
            && left >= run.len()
        {
            left -= reader.take(run.len()).ok()?.len();
        } else {
            let Token::Uint(0..=255) = reader.token().ok()? else { return None };
            left -= 1;
        }
    }
    Some(())
}

impl List {
    /// Makes it a bin, whose header is as long, and draws what follows near. The length of all from then on.
    fn pack(&self, body: &mut [u8]) -> usize {
        const ARRAY_16: u8 = 0xdc;
        const BIN_16: u8 = 0xc5;
        const BIN_32: u8 = 0xc6;
        body[self.start] = if body[self.start] == ARRAY_16 { BIN_16 } else { BIN_32 };
        let (mut read, mut write) = (self.first, self.first);
        while read < self.end {
            let run = body[read..self.end].first_chunk::<8>();
            if run.is_some_and(|run| u64::from_ne_bytes(*run) & SMALL == 0) {
                body.copy_within(read..read + 8, write);
                (read, write) = (read + 8, write + 8);
                continue;
            }
            // The value is in the last byte.
            read += length(body[read]);
            body[write] = body[read - 1];
            write += 1;
        }
        let behind = body.len() - self.end;
        body.copy_within(self.end.., write);
        write + behind
    }
}

/// Bytes of an integer that begins with this marker.
fn length(marker: u8) -> usize {
    match marker {
        0xcc | 0xd0 => 2,
        0xcd | 0xd1 => 3,
        0xce | 0xd2 => 5,
        0xcf | 0xd3 => 9,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Method, Params},
        *,
    };
    use crate::operations::documents::Document;

    fn request(items: &[&[u8]], marker: &[u8]) -> Vec<u8> {
        let mut body =
            b"\x85\xa2id\x07\xa5graph\xa1g\xaaauth_token\xa1t\xa6method\xabFromMsgpack\xa6params\x82"
                .to_vec();
        body.extend_from_slice(b"\xa7msgpack");
        body.extend_from_slice(marker);
        body.extend_from_slice(&items.concat());
        body.extend_from_slice(b"\xa5other\xc0");
        body
    }

    fn document(body: &[u8]) -> Vec<u8> {
        let envelope = Envelope::parse(body).unwrap();
        assert_eq!(envelope.id, 7);
        let Document { msgpack } = Params::decode(Method::FromMsgpack, envelope.params).unwrap();
        msgpack.into_owned()
    }

    #[test]
    fn a_list_becomes_a_bin_with_what_follows() {
        let items: [&[u8]; 8] = [
            &[0],
            &[0x7f],
            &[0xcc, 0xff],
            &[0xcd, 0, 0x80],
            &[0xce, 0, 0, 0, 1],
            &[0xcf, 0, 0, 0, 0, 0, 0, 0, 2],
            &[0xd0, 3],
            &[0xd1, 0, 4],
        ];
        let many: Vec<&[u8]> = items.iter().copied().cycle().take(8_000).collect();
        let small: Vec<&[u8]> = [&b"x"[..]; 20].into();
        for (items, marker) in [(&many, &[0xdd, 0, 0, 0x1f, 0x40][..]), (&small, &[0xdc, 0, 20])] {
            let body = request(items, marker);
            let packed = list_as_bin(Bytes::from(body.clone()));
            assert!(packed.len() < body.len() || items.len() == 20);
            assert!(matches!(Envelope::parse(&packed).unwrap().params.unwrap()[9], 0xc5 | 0xc6));
            assert_eq!(document(&packed), document(&body));
            assert!(packed.ends_with(b"\xa5other\xc0"));
        }
    }

    #[test]
    fn anything_else_stays_as_it_is() {
        let wrong: [&[u8]; 4] = [&[0xcd, 1, 0], &[0xff], &[0xa1, b'x'], &[0xc0]];
        for item in wrong {
            let mut items: Vec<&[u8]> = [&b"x"[..]; 20].into();
            items[19] = item;
            let body = request(&items, &[0xdc, 0, 20]);
            assert_eq!(list_as_bin(Bytes::from(body.clone())), body);
        }
        for (items, marker) in [(&[&b"xy"[..]][..], &[0xc4, 2][..]), (&[b"x"], &[0x91])] {
            let body = request(items, marker);
            assert_eq!(list_as_bin(Bytes::from(body.clone())), body);
        }
        let shared = Bytes::from(request(&[&b"x"[..]; 20], &[0xdc, 0, 20]));
        let other = shared.clone();
        assert_eq!(list_as_bin(shared), other);
    }
}
