//! The body of a request and its charge.

use std::{ops::Deref, sync::Arc};

use bytes::Bytes;
use epistemic_storage::properties::token::{Reader, Token};

use super::{Accounts, Charge, NoRoom, Part};

/// The bytes of a request. Whoever holds them holds their charge.
#[derive(Clone)]
pub(crate) struct Body {
    bytes: Bytes,
    charge: Option<Arc<Charge>>,
}

impl Body {
    /// A large one has a charge.
    pub(crate) fn new(bytes: Bytes, charge: Option<Charge>) -> Self {
        Self { bytes, charge: charge.map(Arc::new) }
    }

    /// The same with other bytes for the same request, which take no more room.
    pub(crate) fn map(self, change: impl FnOnce(Bytes) -> Bytes) -> Self {
        Self { bytes: change(self.bytes), charge: self.charge }
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// What is decoded from fewer bytes is not counted.
const SMALL: usize = 64 << 10;
/// Bytes that an item of a list, or a key of a map, takes when it is decoded, at most.
const ITEM: usize = 48;

/// The charge for what becomes of parameters when they are decoded. To be taken before.
///
/// # Errors
/// There is no room for it.
pub(crate) fn decoded(
    accounts: &Arc<Accounts>,
    owner: &Arc<str>,
    params: Option<&[u8]>,
) -> Result<Option<Charge>, NoRoom> {
    let Some(params) = params.filter(|params| params.len() > SMALL) else { return Ok(None) };
    let bytes = params.len() + ITEM * items(params);
    // Its frame is there meanwhile.
    let mut charge = accounts.open(Part::Requests, owner).beside(params.len());
    charge.set(bytes)?;
    Ok(Some(charge))
}

/// Tokens of the first value that take more than their bytes. Long lists of integers are bytes of published clients.
fn items(value: &[u8]) -> usize {
    const SMALL_INTEGERS: u64 = 0x8080_8080_8080_8080;
    let mut reader = Reader::new(value);
    let (mut left, mut found) = (1_usize, 0);
    while left > 0 {
        if left >= 8
            && let Some(run) = reader.rest().first_chunk::<8>()
            && u64::from_ne_bytes(*run) & SMALL_INTEGERS == 0
            && reader.take(8).is_ok()
        {
            left -= 8;
            continue;
        }
        // What is broken is refused when it is decoded.
        let Ok(token) = reader.token() else { break };
        left -= 1;
        match token {
            Token::Nil | Token::Bool(_) | Token::Uint(_) | Token::Int(_) | Token::Float(_) => {}
            Token::Str(_) | Token::Bin(_) | Token::Ext => found += 1,
            Token::Array(items) => (left, found) = (left + items, found + 1),
            Token::Map(pairs) => (left, found) = (left + 2 * pairs, found + 1),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Budget, MemoryBudget};

    fn taken(params: &[u8]) -> Result<usize, NoRoom> {
        let accounts = Accounts::new(&Budget::of(MemoryBudget::Bytes(1 << 30), &[]).unwrap());
        decoded(&accounts, &"t".into(), Some(params)).map(|charge| charge.map_or(0, |charge| charge.bytes()))
    }

    fn list_of(item: &[u8], count: u32) -> Vec<u8> {
        [&[0xdd][..], &count.to_be_bytes(), &item.repeat(count as usize)].concat()
    }

    #[test]
    fn what_is_decoded_is_charged_by_what_it_becomes() {
        assert_eq!(taken(&list_of(&[0xa0], 1000)), Ok(0), "it is small");
        let integers = list_of(&[7], 100_000);
        assert_eq!(taken(&integers), Ok(integers.len() + ITEM));
        let wide = list_of(&[0xcc, 200], 100_000);
        assert_eq!(taken(&wide), Ok(wide.len() + ITEM));
        let texts = list_of(&[0xa0], 100_000);
        assert_eq!(taken(&texts), Ok(texts.len() + 100_001 * ITEM));
        assert!(matches!(taken(&list_of(&[0xa0], 60_000_000)), Err(NoRoom::Ever { .. })));
        assert_eq!(taken(&[0xc1; 70_000]), Ok(70_000), "broken");
    }
}
