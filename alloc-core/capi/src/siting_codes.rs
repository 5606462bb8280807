//! Siting codes: the enums of attributes, as in `codes`.

/// What the value of an attribute is.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum AttributeKind {
    /// A text.
    Text = 0,
    /// A number, in thousandths.
    Scalar = 1,
    /// Ranges of numbers.
    Ranges = 2,
    /// A set of texts.
    Set = 3,
}
