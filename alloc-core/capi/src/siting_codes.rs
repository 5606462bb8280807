//! Siting codes: the enums of attributes, groups and selections, as in `codes`.

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

/// What is asked of an attribute. A value of another kind fails the test.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum Test {
    /// The agent has it, whatever its value.
    Exists = 0,
    /// The agent does not have it.
    Absent = 1,
    /// It is one of `texts`.
    TextIn = 2,
    /// It is none of `texts`: another one, a value of another kind, or absent.
    TextNotIn = 3,
    /// It is a scalar of at least `scalar_milli`.
    ScalarAtLeast = 4,
    /// It is a scalar of at most `scalar_milli`.
    ScalarAtMost = 5,
    /// It is a scalar of just `scalar_milli`.
    ScalarIs = 6,
    /// It is ranges that contain all of `span`.
    RangesContain = 7,
    /// It is a set with all of `texts`.
    SetHasAll = 8,
    /// It is a set with at least one of `texts`.
    SetHasAny = 9,
}

/// What a constraint asks of an agent.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum ConstraintKind {
    /// `condition` holds.
    Meets = 0,
    /// In one of `alternatives`, all conditions hold.
    AnyOf = 1,
    /// It is one of `agents`.
    AgentIn = 2,
    /// It is none of `agents`.
    AgentNotIn = 3,
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

/// What a placement minds of a group. On an agent that does not have the group's attribute only `MEROS_RULE_KIND_APART` holds.
#[repr(u32)]
#[derive(Clone, Copy, Debug)]
pub enum RuleKind {
    /// At most `members` per value, the new one included. Exact for who joins the group: of two that come at once none goes beyond.
    AtMost = 0,
    /// Only on a value that has a member; with `or_first` also while the group has none anywhere. Who joins the group as well is then its
    /// first member, or is not placed.
    Near = 1,
    /// Only on a value that has no member. Of two that come at once and avoid each other's groups, one at least gives way.
    Apart = 2,
    /// The value with fewest members is preferred; of several such rules by the first. No value comes to exceed the one with fewest, of
    /// the values of all agents selected, by more than `max_skew`. Exact for who joins the group.
    Spread = 3,
}
