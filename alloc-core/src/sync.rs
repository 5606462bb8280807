//! The only door to atomics: [`Word64`] and [`fence`], from `core`, or from loom when built for the model checker.
//!
//! Rule 1: no other module names an atomic type; clippy refuses it.
//! Rule 2: orderings stay at the call, beside the comment that names the operation they pair with.
//! Rule 3: shared words change by read-modify-write only. [`Word64::store`] is for a word that one thread owns at that
//! moment (a fresh word, the inside of a record in state Busy), or to end such ownership.
//!
//! In this crate's own tests every change can be made to panic, so that unwinding is tried at each step of a call.

#[cfg(not(loom))]
use core::sync::atomic as imp;
#[cfg(loom)]
use loom::sync::atomic as imp;

pub use core::sync::atomic::Ordering;
pub use imp::fence;

/// Between a SeqCst change and a SeqCst load of another word, which C11 keeps in this order: nothing. In models a fence, because
/// loom takes SeqCst accesses for AcqRel ones.
#[inline(always)]
pub(crate) fn fence_in_models() {
    #[cfg(loom)]
    // SeqCst: pairs with the fence of whoever clears what is loaded next.
    fence(Ordering::SeqCst);
}

/// One shared 64-bit word.
#[derive(Debug)]
#[cfg_attr(not(loom), expect(clippy::disallowed_types, reason = "this is the door"))]
pub struct Word64(imp::AtomicU64);

impl Word64 {
    /// A word that holds `value`.
    #[must_use]
    #[cfg_attr(not(loom), expect(clippy::disallowed_types, reason = "this is the door"))]
    pub fn new(value: u64) -> Self {
        Self(imp::AtomicU64::new(value))
    }

    /// Reads the word.
    #[inline(always)]
    pub fn load(&self, order: Ordering) -> u64 {
        self.0.load(order)
    }

    /// Overwrites the word; see rule 3.
    #[inline(always)]
    pub fn store(&self, value: u64, order: Ordering) {
        self.0.store(value, order);
    }

    /// Replaces the value by `change(value)`, in one step; gives back the value it replaced.
    ///
    /// # Errors
    /// The value that was there, when `change` answers `None`.
    #[inline(always)]
    pub fn update(
        &self,
        success: Ordering,
        failure: Ordering,
        mut change: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        #[cfg(all(test, not(loom)))]
        fault::point();
        let before = self.0.load(failure);
        let Some(after) = change(before) else { return Err(before) };
        match self.0.compare_exchange_weak(before, after, success, failure) {
            Ok(_) => Ok(before),
            Err(newer) => self.update_again(newer, (success, failure), change),
        }
    }

    /// The same, when another thread was quicker.
    #[cold]
    #[inline(never)]
    fn update_again(
        &self,
        mut before: u64,
        (success, failure): (Ordering, Ordering),
        mut change: impl FnMut(u64) -> Option<u64>,
    ) -> Result<u64, u64> {
        #[cfg(not(loom))]
        crate::retries::count();
        while let Some(after) = change(before) {
            match self.0.compare_exchange_weak(before, after, success, failure) {
                Ok(_) => return Ok(before),
                Err(newer) => before = newer,
            }
            #[cfg(not(loom))]
            crate::retries::count();
        }
        Err(before)
    }

    /// Sets bits; gives back the value before.
    #[inline(always)]
    pub fn set_bits(&self, bits: u64, order: Ordering) -> u64 {
        #[cfg(all(test, not(loom)))]
        fault::point();
        self.0.fetch_or(bits, order)
    }

    /// Clears bits; gives back the value before.
    #[inline(always)]
    pub fn clear_bits(&self, bits: u64, order: Ordering) -> u64 {
        #[cfg(all(test, not(loom)))]
        fault::point();
        self.0.fetch_and(!bits, order)
    }
}

/// Values that are zero to begin with.
///
/// Fresh memory from the operating system is zero already, so nothing is written: what is never used costs address space only,
/// and each page comes to be on the NUMA node of the thread that uses it first. An allocator gives such memory only for small
/// alignments; so a little more is asked for, and the values start at the first address that is right for them.
#[cfg(not(loom))]
pub(crate) struct Zeroed<T> {
    first: core::ptr::NonNull<T>,
    len: usize,
    /// What was allocated.
    base: core::ptr::NonNull<u8>,
    layout: std::alloc::Layout,
}

#[cfg(not(loom))]
impl<T: Zero> Zeroed<T> {
    fn new(len: usize) -> Self {
        use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
        const { assert!(!core::mem::needs_drop::<T>(), "words are let go as they are") };
        let bytes = len.saturating_mul(size_of::<T>()).saturating_add(align_of::<T>());
        let Ok(layout) = Layout::from_size_align(bytes, align_of::<u64>()) else { panic!("{len} values of memory") };
        // SAFETY: the size is not zero, because an alignment is not.
        let base = unsafe { alloc_zeroed(layout) };
        let Some(base) = core::ptr::NonNull::new(base) else { handle_alloc_error(layout) };
        let gap = base.as_ptr().align_offset(align_of::<T>());
        // SAFETY: the gap is less than the alignment, which was added to the size; so it is within what was allocated.
        let first = unsafe { base.add(gap) }.cast::<T>();
        Self { first, len, base, layout }
    }
}

#[cfg(not(loom))]
impl<T> core::ops::Deref for Zeroed<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: `new` allocated room for `len` values from `first` on, aligned, of zero bytes, which are values by `T: Zero`; nobody
        // else has the address, and only `drop` gives it back.
        unsafe { core::slice::from_raw_parts(self.first.as_ptr(), self.len) }
    }
}

#[cfg(not(loom))]
impl<T> Drop for Zeroed<T> {
    fn drop(&mut self) {
        // SAFETY: allocated by `new` with this layout, and given back once.
        unsafe { std::alloc::dealloc(self.base.as_ptr(), self.layout) };
    }
}

// SAFETY: it owns its values as a `Box<[T]>` does; sending it sends them.
#[cfg(not(loom))]
unsafe impl<T: Send> Send for Zeroed<T> {}
// SAFETY: a shared borrow gives shared borrows of the values and nothing else.
#[cfg(not(loom))]
unsafe impl<T: Sync> Sync for Zeroed<T> {}

#[cfg(not(loom))]
impl<T: core::fmt::Debug> core::fmt::Debug for Zeroed<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// As above; loom's words have to be made one by one.
#[cfg(loom)]
pub(crate) type Zeroed<T> = Box<[T]>;

/// So many values of zero.
pub(crate) fn zeroed<T: Zero>(len: usize) -> Zeroed<T> {
    #[cfg(not(loom))]
    return Zeroed::new(len);
    #[cfg(loom)]
    (0..len).map(|_| T::zero()).collect()
}

/// What may be made of zero bytes.
///
/// # Safety
/// All-zero bytes must be a value of the type, the same as [`Zero::zero`] makes.
pub(crate) unsafe trait Zero: Sized {
    /// The value.
    #[cfg_attr(not(loom), expect(dead_code, reason = "fresh memory is zero already"))]
    fn zero() -> Self;
}

// SAFETY: an atomic integer has the representation of its integer, for which zero is a value.
unsafe impl Zero for Word64 {
    fn zero() -> Self {
        Self::new(0)
    }
}

/// Words that start at a cache line.
#[derive(Debug)]
#[cfg_attr(not(loom), repr(C, align(64)))]
#[cfg_attr(loom, repr(C))]
pub(crate) struct Words<const N: usize>(pub(crate) [Word64; N]);

/// One cache line of words.
pub(crate) type Line = Words<WORDS_PER_LINE>;

/// Words in a cache line. One under loom, which makes every word of every run anew.
pub(crate) const WORDS_PER_LINE: usize = if cfg!(loom) { 1 } else { 8 };

// SAFETY: words, for each of which zero is a value; padding may be anything.
unsafe impl<const N: usize> Zero for Words<N> {
    fn zero() -> Self {
        Self(core::array::from_fn(|_| Word64::new(0)))
    }
}

/// The words of lines, side by side.
#[inline]
pub(crate) fn words_of(lines: &[Line]) -> &[Word64] {
    // SAFETY: a `Line` is exactly eight words without padding (asserted below), so `lines` is this many words in a row;
    // they live as long as the borrow.
    unsafe { core::slice::from_raw_parts(lines.as_ptr().cast::<Word64>(), lines.len() * WORDS_PER_LINE) }
}

const _: () = assert!(size_of::<Line>() == WORDS_PER_LINE * size_of::<Word64>());

/// A value with cache lines of its own: a neighbour's changes do not take it out of this core's cache. Two lines, because
/// processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Padded<T>(pub(crate) T);

/// Asks the processor to fetch the line of a value that will soon be wanted. Changes nothing else.
#[inline]
pub(crate) fn prefetch<T>(value: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(loom)))]
    // SAFETY: the instruction is part of every x86-64 processor, and never faults whatever the address; this one is valid.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(core::ptr::from_ref(value).cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri), not(loom))))]
    let _ = value;
}

/// While it lives, no panic is injected on this thread: a destructor must not fail half-way. Nothing outside of tests.
#[derive(Debug)]
pub(crate) struct Calm;

/// To be held by every destructor that changes words, and where several changes belong together and nothing between them can panic.
#[inline]
pub(crate) fn calm() -> Calm {
    #[cfg(all(test, not(loom)))]
    fault::calm(true);
    Calm
}

#[cfg(all(test, not(loom)))]
impl Drop for Calm {
    fn drop(&mut self) {
        fault::calm(false);
    }
}

/// Which of two threads of a model goes first, as long as nobody interrupts.
///
/// Loom looks for other orders only where it sees two accesses that matter to each other, and of each word it remembers
/// the last access alone. Where one thread reads and the other reads and then changes, it sees that only if the change came
/// first; so every model is run with either thread first.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    Zero,
    One,
}

/// Runs `body` with either thread first: once on plain threads, or through every interleaving of up to three preemptions
/// under loom, so that one test serves both. Three show every mistake we planted; without a bound some models take hours.
#[cfg(test)]
pub(crate) fn model(body: impl Fn(First) + Clone + Send + Sync + 'static) {
    model_bounded(3, body);
}

/// As [`model`], with another bound.
#[cfg(test)]
#[cfg_attr(not(loom), expect(unused_variables, reason = "plain threads are interrupted as they are"))]
pub(crate) fn model_bounded(preemptions: usize, body: impl Fn(First) + Clone + Send + Sync + 'static) {
    for first in [First::Zero, First::One] {
        let body = body.clone();
        #[cfg(not(loom))]
        body(first);
        #[cfg(loom)]
        {
            let mut builder = loom::model::Builder::new();
            builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
            builder.max_branches = 10_000;
            builder.check(move || body(first));
        }
    }
}

/// Runs `body` on two threads, told apart by 0 and 1.
#[cfg(test)]
pub(crate) fn both<T: Send + Sync + 'static, R: Send + 'static>(
    first: First,
    shared: &std::sync::Arc<T>,
    body: fn(&T, u64) -> R,
) -> [R; 2] {
    let (here, there) = if first == First::Zero { (0, 1) } else { (1, 0) };
    let other = shared.clone();
    // A thread that was spawned starts when the spawning one waits for it, if nobody interrupts.
    let other = thread::spawn(move || body(&other, there));
    let mine = body(shared, here);
    let Ok(other) = other.join() else { panic!("the other thread panicked") };
    if first == First::Zero { [mine, other] } else { [other, mine] }
}

/// Threads for tests, from `std` or from loom.
#[cfg(test)]
pub(crate) mod thread {
    #[cfg(loom)]
    pub(crate) use loom::thread::spawn;
    #[cfg(not(loom))]
    pub(crate) use std::thread::spawn;
}

/// Panics at a chosen change of a word, to try unwinding.
#[cfg(all(test, not(loom)))]
pub(crate) mod fault {
    use std::cell::Cell;

    thread_local! {
        /// Changes left until the panic; `None` when not armed.
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
        /// How many destructors are at work.
        static CALM: Cell<u32> = const { Cell::new(0) };
    }

    /// Lets `changes` changes pass on this thread and panics at the next.
    pub(crate) fn arm(changes: u32) {
        LEFT.set(Some(changes));
    }

    /// Disarms; true when the panic had not come yet.
    pub(crate) fn disarm() -> bool {
        LEFT.take().is_some()
    }

    pub(super) fn calm(more: bool) {
        CALM.set(if more { CALM.get() + 1 } else { CALM.get() - 1 });
    }

    pub(super) fn point() {
        match LEFT.get().filter(|_| CALM.get() == 0) {
            Some(0) => {
                LEFT.set(None);
                panic!("injected");
            }
            Some(left) => LEFT.set(Some(left - 1)),
            None => {}
        }
    }
}
