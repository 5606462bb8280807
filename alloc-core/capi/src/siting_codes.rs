//! Siting codes: the enums of attributes and groups, as in `codes`.

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

/// By what a group tells its members apart.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum GroupKey {
    /// The agent they are on.
    Agent = 0,
    /// Their agent's value of an attribute.
    Attribute = 1,
}

/// What a value of a group's key is.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum GroupValueKind {
    /// Their agents do not have the attribute.
    Absent = 0,
    /// An agent.
    Agent = 1,
    /// A value of the attribute.
    Attribute = 2,
}
