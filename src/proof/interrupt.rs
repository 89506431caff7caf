//! Places between two writes where a test lets the program end, as a kill would.

use std::io;

#[cfg(test)]
thread_local! {
    /// How many places are passed before all that follows fails; `None` where nothing is interrupted.
    static LEFT: std::cell::Cell<Option<u32>> = const { std::cell::Cell::new(None) };
}

/// Lets the next `places` be passed on this thread, and none after them; `None` lets all be passed.
#[cfg(test)]
pub fn after(places: Option<u32>) {
    LEFT.set(places);
}

/// Such a place.
#[inline]
pub fn point() -> io::Result<()> {
    #[cfg(test)]
    match LEFT.get() {
        None => {}
        Some(0) => return Err(io::Error::other("the test ends the program here")),
        Some(left) => LEFT.set(Some(left - 1)),
    }
    Ok(())
}
