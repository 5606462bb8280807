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
        let mut before = self.0.load(failure);
        while let Some(after) = change(before) {
            match self.0.compare_exchange_weak(before, after, success, failure) {
                Ok(_) => return Ok(before),
                Err(newer) => before = newer,
            }
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

/// Words that are zero to begin with, at an address that is a multiple of a cache line when `T` says so.
///
/// Fresh memory from the operating system is zero already, so nothing is written: what is never used costs address space only,
/// and each page comes to be on the NUMA node of the thread that uses it first.
#[cfg(not(loom))]
pub(crate) fn zeroed<T: Zero>(len: usize) -> Box<[T]> {
    // SAFETY: `T: Zero` promises that all-zero bytes are a value of `T`; its implementors uphold it.
    unsafe { Box::<[T]>::new_zeroed_slice(len).assume_init() }
}

/// As above; loom's words have to be made one by one.
#[cfg(loom)]
pub(crate) fn zeroed<T: Zero>(len: usize) -> Box<[T]> {
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
