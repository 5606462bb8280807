//! Retries: how often a change of a word was tried anew because another thread had changed it meanwhile. A figure for benches and
//! monitors: it says whether threads are in each other's way. A change that goes through at once counts nothing and costs nothing.

use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// The calling thread's retries so far, over all tables.
#[must_use]
pub fn retries_of_this_thread() -> u64 {
    COUNT.get()
}

#[cold]
pub(crate) fn count() {
    COUNT.set(COUNT.get().wrapping_add(1));
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;
    use crate::sync::{Ordering, Word64};

    // Of one thread: nothing to pair with.
    const ORDER: Ordering = Ordering::Relaxed;

    #[test]
    fn a_change_that_is_overtaken_is_counted() {
        let word = Word64::new(0);
        let before = retries_of_this_thread();
        let changed = word.update(ORDER, ORDER, |value| {
            // Another thread's change, before ours.
            if value == 0 {
                word.set_bits(4, ORDER);
            }
            Some(value + 1)
        });
        assert_eq!((changed, retries_of_this_thread() - before), (Ok(4), 1));
        assert!(word.update(ORDER, ORDER, |_| None).is_err());
        assert_eq!(retries_of_this_thread() - before, 1, "a refusal is none");
    }
}
