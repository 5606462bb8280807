//! Pointer: what C hands over, checked as far as that can be, and the only place that follows it.
//!
//! The caller's part of the contract, as the header says it: *a pointer that is neither null nor misaligned leads to as many
//! elements as the length beside it says (1 where there is none; as many bytes as `size` says where the struct has one); what a function
//! reads is not written meanwhile, what it writes is not used by others meanwhile; a handle came from this library and was not freed.*
//! Every SAFETY below is this contract.

use core::ffi::c_char;
use core::fmt;
use core::marker::PhantomData;
use core::mem::{MaybeUninit, align_of, size_of};
use core::ptr::{self, NonNull};
use core::slice;

/// The largest struct that a newer caller may hand over, in bytes.
const MAX_STRUCT_BYTES: usize = 4096;

/// A pointer to something C lets us read: a struct, an array, a handle. To C it is `const T *`.
#[repr(transparent)]
#[derive(Debug)]
pub struct In<T>(*const T);

/// A pointer to something C lets us write: a struct, an array. To C it is `T *`.
#[repr(transparent)]
#[derive(Debug)]
pub struct Out<T>(*mut T);

impl<T> Clone for In<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for In<T> {}

impl<T> Clone for Out<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Out<T> {}

/// Plain data: any bits are a value, also all zero.
///
/// # Safety
/// The type is a number, an [`In`], an [`Out`], an optional function, or a `repr(C)` struct or array of nothing else.
pub unsafe trait Plain: Copy {}

/// Plain data that begins with its size in bytes as a `u32`, and grows at its end from one version to the next.
///
/// # Safety
/// The first field is the `u32`.
pub unsafe trait Growing: Plain {
    /// Bytes of its first version: a caller has at least those. A type that has grown since says so here.
    const FIRST_BYTES: usize = size_of::<Self>();
}

/// What is wrong with an argument. Prints as a sentence that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A pointer is null.
    Null(&'static str),
    /// A pointer is not aligned for its type.
    Misaligned(&'static str),
    /// An array is longer than memory.
    TooLong(&'static str),
    /// A struct's size is smaller than its first version, or absurdly large.
    Size {
        /// The struct.
        name: &'static str,
        /// What its `size` says.
        size: usize,
        /// The size of the first version.
        least: usize,
    },
    /// A newer caller uses fields that this library does not know.
    Newer(&'static str),
    /// A field that is not used yet is not 0.
    Reserved(&'static str),
    /// A number is larger than what it stands for has.
    Range {
        /// The field.
        name: &'static str,
        /// What it says.
        value: u64,
        /// The largest it may be.
        most: u64,
    },
    /// A code of what figures count that roles are not charged for.
    NotCharged(u32),
    /// A member names two of its three amounts.
    TwoAmounts,
    /// A handle is of another table.
    OtherTable(&'static str),
    /// A thread's handle is in a call of another thread.
    LocalInUse,
    /// A selection is in a call: of another thread, or the one that asks its predicate.
    SelectionInUse,
    /// A snapshot is read while it is refreshed, or refreshed while it is read or refreshed.
    SnapshotInUse,
    /// A wish names devices whole and in thousandths.
    WholeAndMilli,
    /// A wish names numbers and how many of any.
    CountAndSpans,
    /// A field has no meaning beside the kind of what it is in.
    NotOfKind(&'static str),
    /// A list has not just one element.
    NotOne(&'static str),
    /// A number that must be 1 at least is 0.
    Zero(&'static str),
    /// A text is not UTF-8.
    NotUtf8(&'static str),
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Null(name) => write!(f, "{name} is null"),
            Self::Misaligned(name) => write!(f, "{name} is not aligned for its type"),
            Self::TooLong(name) => write!(f, "{name} is longer than memory: is its length meant?"),
            Self::Size { name, size, least } => {
                write!(f, "{name}.size is {size}: set it to sizeof, at least {least} and at most {MAX_STRUCT_BYTES}")
            }
            Self::Newer(name) => write!(f, "{name} has fields set that this version does not know: leave them 0"),
            Self::Reserved(name) => write!(f, "{name} is not used yet: leave it 0"),
            Self::Range { name, value, most } => write!(f, "{name} is {value}: give at most {most}"),
            Self::NotCharged(what) => write!(f, "what is {what}, which roles are not charged for: give another code"),
            Self::TwoAmounts => write!(f, "a member has pus, cores or cpu_milli: set one of them, leave the others 0"),
            Self::OtherTable(name) => write!(f, "{name} is a handle on another table: make one for this table"),
            Self::SnapshotInUse => {
                write!(f, "snapshot is in another thread's refresh, or read during one: refresh it alone")
            }
            Self::WholeAndMilli => write!(f, "extras.devices has whole and milli: set one of them, leave the other 0"),
            Self::CountAndSpans => write!(f, "a wish has count and spans: set one of them, leave the other 0"),
            Self::LocalInUse => write!(f, "local is in a call of another thread: make one per thread"),
            Self::SelectionInUse => {
                write!(f, "selection is in a call, perhaps the one that asks its predicate: make one per thread")
            }
            Self::NotOfKind(name) => write!(f, "{name} has no meaning beside this kind: leave it 0"),
            Self::NotOne(name) => write!(f, "{name} has not just one element: give one"),
            Self::Zero(name) => write!(f, "{name} is 0: give at least 1"),
            Self::NotUtf8(name) => write!(f, "{name} is not UTF-8"),
        }
    }
}

/// A number of a smaller type, at most `most`.
pub(crate) fn narrow<T: TryFrom<u32>>(name: &'static str, value: u32, most: u32) -> Result<T, Argument> {
    let narrowed = T::try_from(value).ok().filter(|_| value <= most);
    narrowed.ok_or_else(|| Argument::Range { name, value: u64::from(value), most: u64::from(most) })
}

/// Fields for later must be 0, or they could never come to mean something.
pub(crate) fn unused(name: &'static str, fields: &[u64]) -> Result<(), Argument> {
    if fields.iter().all(|field| *field == 0) { Ok(()) } else { Err(Argument::Reserved(name)) }
}

/// As [`unused`], for fields that only mean something beside another kind.
pub(crate) fn not_of_kind(name: &'static str, fields: &[u64]) -> Result<(), Argument> {
    if fields.iter().all(|field| *field == 0) { Ok(()) } else { Err(Argument::NotOfKind(name)) }
}

fn checked<T>(pointer: *mut T, name: &'static str) -> Result<NonNull<T>, Argument> {
    match NonNull::new(pointer) {
        None => Err(Argument::Null(name)),
        Some(pointer) if !pointer.is_aligned() => Err(Argument::Misaligned(name)),
        Some(pointer) => Ok(pointer),
    }
}

/// As [`checked`], for so many elements; of none, the pointer may be anything.
fn checked_array<T>(pointer: *mut T, len: usize, name: &'static str) -> Result<NonNull<T>, Argument> {
    if len == 0 {
        return Ok(NonNull::dangling());
    }
    let pointer = checked(pointer, name)?;
    let bytes = len.checked_mul(size_of::<T>()).filter(|bytes| isize::try_from(*bytes).is_ok());
    let end = bytes.and_then(|bytes| pointer.addr().get().checked_add(bytes));
    if end.is_some() { Ok(pointer) } else { Err(Argument::TooLong(name)) }
}

fn size_of_growing<T: Growing>(pointer: NonNull<T>, name: &'static str) -> Result<usize, Argument> {
    // SAFETY: the caller's struct begins with its size (`Growing`) and is aligned; the contract above, upheld by the C caller.
    let size = unsafe { pointer.cast::<u32>().read() } as usize;
    if size < T::FIRST_BYTES || size > MAX_STRUCT_BYTES {
        return Err(Argument::Size { name, size, least: T::FIRST_BYTES });
    }
    Ok(size)
}

impl<T> In<T> {
    /// A pointer that does not come from C.
    ///
    /// # Safety
    /// The contract in the module's first lines.
    pub const unsafe fn new(pointer: *const T) -> Self {
        Self(pointer)
    }

    pub(crate) fn is_null(&self) -> bool {
        self.0.is_null()
    }
}

/// `Sync`: C calls with one handle from any number of threads.
impl<T: Sync> In<T> {
    /// A handle, for the length of a call.
    pub(crate) fn handle(&self, name: &'static str) -> Result<&T, Argument> {
        let pointer = checked(self.0.cast_mut(), name)?;
        // SAFETY: a handle came from `Place::give` and is not freed during the call; the contract above, upheld by the C caller.
        Ok(unsafe { pointer.as_ref() })
    }
}

impl<T: Plain> In<T> {
    /// An array, for the length of a call.
    pub(crate) fn array(&self, len: usize, name: &'static str) -> Result<&[T], Argument> {
        let pointer = checked_array(self.0.cast_mut(), len, name)?;
        // SAFETY: `len` elements of plain data that nobody writes meanwhile; the contract above, upheld by the C caller.
        Ok(unsafe { slice::from_raw_parts(pointer.as_ptr(), len) })
    }
}

impl<T: Growing> In<T> {
    /// A struct of this or another version: fields that an older caller does not have are 0.
    pub(crate) fn growing(&self, name: &'static str) -> Result<T, Argument> {
        let pointer = checked(self.0.cast_mut(), name)?;
        let size = size_of_growing(pointer, name)?;
        let (bytes, known) = (pointer.cast::<u8>().as_ptr(), size.min(size_of::<T>()));
        let mut value = MaybeUninit::<T>::zeroed();
        // SAFETY: the caller's struct has `size` bytes, and the C caller upholds it; ours has at least `known` and is a local.
        unsafe { ptr::copy_nonoverlapping(bytes, value.as_mut_ptr().cast::<u8>(), known) };
        // SAFETY: bytes from `known` to `size` of the same struct; a newer caller zeroed all of it, as the header asks.
        let beyond = unsafe { slice::from_raw_parts(bytes.wrapping_add(known), size - known) };
        if beyond.iter().any(|byte| *byte != 0) {
            return Err(Argument::Newer(name));
        }
        // SAFETY: zeroed and then written with any bits: a value, since `Plain` says that all bits are.
        Ok(unsafe { value.assume_init() })
    }
}

impl<T> Out<T> {
    /// A pointer that does not come from C.
    ///
    /// # Safety
    /// The contract in the module's first lines.
    pub const unsafe fn new(pointer: *mut T) -> Self {
        Self(pointer)
    }

    /// Nothing to write to.
    #[must_use]
    pub const fn null() -> Self {
        Self(ptr::null_mut())
    }

    /// The same, to be read.
    pub(crate) const fn read(self) -> In<T> {
        In(self.0)
    }

    /// What lies so many elements further on, to be read.
    pub(crate) const fn from(self, at: usize) -> In<T> {
        In(self.0.wrapping_add(at))
    }

    pub(crate) fn is_null(&self) -> bool {
        self.0.is_null()
    }
}

/// `Send`: C may free a handle on another thread than made it.
impl<T: Send> Out<T> {
    /// Takes a handle back; `None` for null.
    pub(crate) fn take(self) -> Option<Box<T>> {
        // SAFETY: a handle is a box that `Place::give` leaked, and it is freed once; the contract above, upheld by the C caller.
        (!self.0.is_null()).then(|| unsafe { Box::from_raw(self.0) })
    }
}

impl<T> Out<Out<T>> {
    /// The place of a new handle; it is null until [`Place::give`].
    pub(crate) fn handle_place(&self, name: &'static str) -> Result<Place<'_, Out<T>>, Argument> {
        let place = self.place(name)?;
        place.put_again(Out::null());
        Ok(place)
    }
}

impl<T: Copy> Out<T> {
    /// Where one value is to be written.
    pub(crate) fn place(&self, name: &'static str) -> Result<Place<'_, T>, Argument> {
        Ok(Place { pointer: checked(self.0, name)?, _call: PhantomData })
    }

    /// Where one value is to be written, if the caller wants it.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<Place<'_, T>>, Argument> {
        if self.is_null() { Ok(None) } else { self.place(name).map(Some) }
    }

    /// Where values are to be written.
    pub(crate) fn array(&self, capacity: usize, name: &'static str) -> Result<Places<'_, T>, Argument> {
        Ok(Places { pointer: checked_array(self.0, capacity, name)?, capacity, _call: PhantomData })
    }
}

impl<T: Growing> Out<T> {
    /// Where a struct of this or another version is to be written.
    pub(crate) fn growing(&self, name: &'static str) -> Result<Frame<'_, T>, Argument> {
        let pointer = checked(self.0, name)?;
        Ok(Frame { size: size_of_growing(pointer, name)?, pointer, _call: PhantomData })
    }
}

/// A checked place for one value.
#[derive(Debug)]
pub(crate) struct Place<'a, T> {
    pointer: NonNull<T>,
    _call: PhantomData<&'a mut T>,
}

impl<T> Place<'_, T> {
    fn put_again(&self, value: T) {
        // SAFETY: an aligned place of this type, ours for the call; the contract above, upheld by the C caller.
        unsafe { self.pointer.write(value) };
    }

    /// Writes it.
    pub(crate) fn put(self, value: T) {
        self.put_again(value);
    }
}

impl<T: Send> Place<'_, Out<T>> {
    /// Hands over a handle.
    pub(crate) fn give(self, handle: T) {
        self.put(Out(Box::into_raw(Box::new(handle))));
    }
}

/// A checked place for several values.
#[derive(Debug)]
pub(crate) struct Places<'a, T> {
    pointer: NonNull<T>,
    capacity: usize,
    _call: PhantomData<&'a mut T>,
}

impl<T> Places<'_, T> {
    /// Writes one, if there is room.
    pub(crate) fn put(&mut self, at: usize, value: T) {
        if at < self.capacity {
            let pointer = self.pointer.as_ptr().wrapping_add(at);
            // SAFETY: within the capacity, which the caller's array has and which is ours for the call; upheld by the C caller.
            unsafe { pointer.write(value) };
        }
    }

    /// Writes as many as there is room for; tells how many there are.
    pub(crate) fn fill(&mut self, values: impl Iterator<Item = T>) -> usize {
        values.fold(0, |at, value| {
            self.put(at, value);
            at + 1
        })
    }

    /// Whether so many have room.
    pub(crate) const fn holds(&self, len: usize) -> bool {
        len <= self.capacity
    }
}

/// A checked place for a struct that grows.
#[derive(Debug)]
pub(crate) struct Frame<'a, T> {
    pointer: NonNull<T>,
    size: usize,
    _call: PhantomData<&'a mut T>,
}

impl<T: Growing> Frame<'_, T> {
    /// Whether the caller's version has so many bytes.
    pub(crate) const fn reaches(&self, bytes: usize) -> bool {
        self.size >= bytes
    }

    /// Writes what the caller's version has of it; `size` stays, and what only a newer version has becomes 0.
    pub(crate) fn put(self, value: T) {
        let to = self.pointer.cast::<u8>().as_ptr();
        let known = self.size.min(size_of::<T>());
        let (from, head) = (ptr::from_ref(&value).cast::<u8>(), size_of::<u32>());
        // SAFETY: `known` bytes are there on both sides, `size` in the caller's struct by its own word; upheld by the C caller.
        unsafe { ptr::copy_nonoverlapping(from.wrapping_add(head), to.wrapping_add(head), known - head) };
        // SAFETY: from `known` to `size` of the caller's struct, which has `size` bytes by its own word; upheld by the C caller.
        unsafe { ptr::write_bytes(to.wrapping_add(known), 0, self.size - known) };
    }
}

/// Says of types that they are plain.
macro_rules! plain {
    ($($name:ty),*) => {
        $(
            // SAFETY: numbers, pointers and arrays of them in `repr(C)`; whoever adds a type here sees to it.
            unsafe impl $crate::pointer::Plain for $name {}
        )*
    };
}

/// Says of types that they are plain and begin with their size.
macro_rules! growing {
    ($($name:ty),*) => {
        $(
            $crate::pointer::plain!($name);
            // SAFETY: the first field is `size: u32`; the assertion below and whoever adds a type here see to it.
            unsafe impl $crate::pointer::Growing for $name {}
            const _: () = assert!(core::mem::offset_of!($name, size) == 0 && core::mem::align_of::<$name>() >= 4);
        )*
    };
}

/// As `growing`, of a type that has grown: its first version had what is before a field.
macro_rules! grown {
    ($name:ident, $field:ident) => {
        $crate::pointer::plain!($name);
        // SAFETY: the first field is `size: u32`; the assertion below and whoever adds a type here see to it.
        unsafe impl $crate::pointer::Growing for $name {
            const FIRST_BYTES: usize = core::mem::offset_of!($name, $field);
        }
        const _: () = assert!(core::mem::offset_of!($name, size) == 0 && core::mem::align_of::<$name>() >= 4);
    };
}

pub(crate) use {growing, grown, plain};

plain!(u32, c_char);
const _: () = assert!(align_of::<In<u8>>() == align_of::<usize>() && size_of::<In<u8>>() == size_of::<usize>());
