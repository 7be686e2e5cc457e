//! The one place where tests sleep: between two looks at something that cannot be waited for.

use std::time::{Duration, Instant};

/// Looks every `interval` until `look` finds something or `limit` has passed.
pub fn poll<T, E>(
    limit: Duration,
    interval: Duration,
    mut look: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Option<T>, E> {
    let deadline = Instant::now() + limit;
    loop {
        let found = look()?;
        if found.is_some() || Instant::now() > deadline {
            return Ok(found);
        }
        pause(interval);
    }
}

/// Lets time pass, for a random instant of a kill; never to wait for something to be done.
#[expect(clippy::disallowed_methods, reason = "the two uses named above")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
