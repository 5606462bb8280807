//! An allocator that counts: the one unsafe file of this crate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, counting for each thread how often it is asked for memory.
#[derive(Debug)]
pub struct Counting;

/// How often the calling thread asked for memory so far.
#[must_use]
pub fn allocated() -> u64 {
    ALLOCATED.get()
}

/// Runs a call, and shows that it asked for no memory.
///
/// # Panics
/// When it did.
#[track_caller]
pub fn without_allocation<R>(what: &str, call: impl FnOnce() -> R) -> R {
    let before = allocated();
    let answer = call();
    assert_eq!(allocated() - before, 0, "{what} allocated");
    answer
}

// SAFETY: every call is handed on to `System` as it is, which upholds the trait's contract; counting changes nothing of it, and
// allocates nothing, because the cell is a constant without destructor.
unsafe impl GlobalAlloc for Counting {
    /// # Safety
    /// As [`GlobalAlloc::alloc`]: `layout` must not be of size zero.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.set(ALLOCATED.get() + 1);
        // SAFETY: the caller upholds the contract of `alloc`, which is this one's.
        unsafe { System.alloc(layout) }
    }

    /// # Safety
    /// As [`GlobalAlloc::dealloc`]: `block` must have come from this allocator, with this `layout`.
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller upholds that `block` came from `alloc` above with this layout, so from `System`.
        unsafe { System.dealloc(block, layout) }
    }
}
