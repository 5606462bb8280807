//! Attributes: what is told of an agent, by name, for requests to choose agents by.
//!
//! A value is a text, a scalar in thousandths, ranges of numbers, or a set of texts; an agent has one value of a name. They are
//! told with [`Table::set_attributes`](crate::Table::set_attributes) and go with the agent's incarnation.

use core::fmt;

use crate::ids::NameId;

/// Numbers from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumberSpan {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

impl NumberSpan {
    /// A single number.
    #[must_use]
    pub const fn one(number: u64) -> Self {
        Self { first: number, last: number }
    }

    /// Whether all of the other is in this one.
    pub(crate) const fn contains(self, other: Self) -> bool {
        self.first <= other.first && other.last <= self.last
    }
}

impl fmt::Display for NumberSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeValue {
    /// A text.
    Text(Box<str>),
    /// A number, in thousandths.
    ScalarMilli(i64),
    /// Numbers, as spans that are sorted and do not touch.
    Ranges(Box<[NumberSpan]>),
    /// Texts, sorted, none twice.
    Set(Box<[Box<str>]>),
}

impl AttributeValue {
    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// A set of these texts.
    #[must_use]
    pub fn set<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::Set(texts.into_iter().map(Box::from).collect())
    }

    /// The value as it is kept: sorted, nothing twice. `None` when a span ends before it begins.
    fn tidy(self) -> Option<Self> {
        match self {
            Self::Ranges(spans) => Some(Self::Ranges(tidy_spans(spans.into_vec())?)),
            Self::Set(texts) => {
                let mut texts = texts.into_vec();
                texts.sort_unstable();
                texts.dedup();
                Some(Self::Set(texts.into()))
            }
            value @ (Self::Text(_) | Self::ScalarMilli(_)) => Some(value),
        }
    }
}

/// Sorts spans, and makes one of those that touch.
fn tidy_spans(mut spans: Vec<NumberSpan>) -> Option<Box<[NumberSpan]>> {
    if spans.iter().any(|span| span.first > span.last) {
        return None;
    }
    spans.sort_unstable();
    let mut tidy: Vec<NumberSpan> = Vec::with_capacity(spans.len());
    for span in spans {
        match tidy.last_mut() {
            Some(before) if span.first <= before.last.saturating_add(1) => before.last = before.last.max(span.last),
            _ => tidy.push(span),
        }
    }
    Some(tidy.into())
}

/// An agent's attributes, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(NameId, AttributeValue)>);

/// Why something cannot be an agent's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributesError {
    /// A name has two values.
    NamedTwice(NameId),
    /// A span of this attribute's ranges ends before it begins.
    Backwards(NameId),
}

impl fmt::Display for AttributesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NamedTwice(name) => write!(f, "attribute {name} has two values: give one, or a set of both"),
            Self::Backwards(name) => write!(f, "a span of attribute {name} ends before it begins: swap its ends"),
        }
    }
}

impl core::error::Error for AttributesError {}

impl Attributes {
    /// These attributes; ranges and sets in any order.
    ///
    /// # Errors
    /// [`AttributesError`].
    pub fn new(values: impl IntoIterator<Item = (NameId, AttributeValue)>) -> Result<Self, AttributesError> {
        let tidy = |(name, value): (NameId, AttributeValue)| {
            value.tidy().map(|value| (name, value)).ok_or(AttributesError::Backwards(name))
        };
        let mut values = values.into_iter().map(tidy).collect::<Result<Vec<_>, _>>()?;
        values.sort_unstable_by_key(|(name, _)| *name);
        match values.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(AttributesError::NamedTwice(pair[0].0)),
            None => Ok(Self(values)),
        }
    }

    /// Attributes that were checked before, sorted by name.
    pub(crate) const fn from_sorted(values: Vec<(NameId, AttributeValue)>) -> Self {
        Self(values)
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: NameId) -> Option<&AttributeValue> {
        let at = self.0.binary_search_by_key(&name, |(name, _)| *name).ok()?;
        Some(&self.0[at].1)
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (NameId, &AttributeValue)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    pub(crate) fn into_values(self) -> Vec<(NameId, AttributeValue)> {
        self.0
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    const NAME: NameId = NameId::new(1);

    fn span(first: u64, last: u64) -> NumberSpan {
        NumberSpan { first, last }
    }

    #[test]
    fn ranges_and_sets_are_kept_in_order_and_without_doubles() {
        let ranges = AttributeValue::Ranges(Box::new([span(8, 9), span(1, 3), span(4, 5), span(2, 2)]));
        let attributes = Attributes::new([(NAME, ranges)]).unwrap();
        assert_eq!(attributes.get(NAME), Some(&AttributeValue::Ranges(Box::new([span(1, 5), span(8, 9)]))));
        let set = Attributes::new([(NAME, AttributeValue::set(["b", "a", "b"]))]).unwrap();
        assert_eq!(set.get(NAME), Some(&AttributeValue::set(["a", "b"])));
        let whole = AttributeValue::Ranges(Box::new([span(0, u64::MAX), span(u64::MAX, u64::MAX)]));
        assert!(Attributes::new([(NAME, whole)]).is_ok());
    }

    #[test]
    fn a_name_has_one_value_and_a_span_goes_forward() {
        let twice = Attributes::new([(NAME, AttributeValue::text("a")), (NAME, AttributeValue::ScalarMilli(1))]);
        assert_eq!(twice, Err(AttributesError::NamedTwice(NAME)));
        let backwards = Attributes::new([(NAME, AttributeValue::Ranges(Box::new([span(2, 1)])))]);
        assert_eq!(backwards, Err(AttributesError::Backwards(NAME)));
    }
}
