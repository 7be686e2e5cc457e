//! Bytes changed at random.

use rand::RngExt;
use rand::rngs::StdRng;

/// Bytes that mean something: markers of MessagePack, and lengths that are not there.
const MARKERS: [u8; 16] =
    [0x00, 0x7f, 0x80, 0x90, 0xa0, 0xc0, 0xc1, 0xc4, 0xc6, 0xc9, 0xcb, 0xcf, 0xdb, 0xdd, 0xdf, 0xff];

/// Changes some bytes from `from` on.
pub fn scramble(bytes: &mut Vec<u8>, from: usize, random: &mut StdRng) {
    for _ in 0..random.random_range(1..6) {
        if bytes.len() <= from {
            return;
        }
        let at = random.random_range(from..bytes.len());
        match random.random_range(0..6) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = MARKERS[random.random_range(0..MARKERS.len())],
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, MARKERS[random.random_range(0..MARKERS.len())]),
            4 => bytes.truncate(at),
            _ => {
                let end = (at + random.random_range(1..40)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
}
