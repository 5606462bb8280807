//! A scanner for the XML that hwloc writes: tags, double-quoted attributes, text. Nothing is decoded.
//!
//! It is stricter than XML on purpose (no entity definitions, no single quotes, no CDATA), so that what it
//! saw is also what hwloc's own reader, or libxml2 behind it, will see.

use super::{XmlError, XmlProblem};

/// The most attributes one tag has; hwloc writes at most 16.
const MAX_ATTRIBUTES: usize = 64;

/// What the scanner met.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'text> {
    /// `<name attribute="value">`.
    Open(Tag<'text>),
    /// `</name>`, or the end of `<name/>`.
    Close(&'text str),
    /// The end of the text.
    End,
}

/// An opening tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag<'text> {
    pub name: &'text str,
    attributes: Vec<(&'text str, &'text str)>,
}

impl<'text> Tag<'text> {
    /// The value of an attribute, as written.
    pub(super) fn attribute(&self, name: &str) -> Option<&'text str> {
        let mut named = self.attributes.iter().filter(|(key, _)| *key == name);
        named.next().map(|(_, value)| *value)
    }
}

/// A position in the text.
#[derive(Debug)]
pub(super) struct Scanner<'text> {
    text: &'text str,
    rest: &'text str,
    closing: Option<&'text str>,
}

impl<'text> Scanner<'text> {
    pub(super) const fn new(text: &'text str) -> Self {
        Self { text, rest: text, closing: None }
    }

    /// An error at the present line.
    pub(super) fn error(&self, problem: XmlProblem) -> XmlError {
        let read = &self.text.as_bytes()[..self.text.len() - self.rest.len()];
        let line = 1 + read.iter().filter(|&&byte| byte == b'\n').count();
        XmlError { line, problem }
    }

    /// The next tag; text between tags is passed over.
    pub(super) fn next(&mut self) -> Result<Event<'text>, XmlError> {
        if let Some(name) = self.closing.take() {
            return Ok(Event::Close(name));
        }
        loop {
            let Some(at) = self.rest.find('<') else {
                self.rest = "";
                return Ok(Event::End);
            };
            self.rest = &self.rest[at + 1..];
            if self.skip('?') {
                self.skip_past("?>")?;
            } else if self.skip('!') {
                self.declaration()?;
            } else if self.skip('/') {
                let name = self.name()?;
                self.space();
                self.expect('>')?;
                return Ok(Event::Close(name));
            } else {
                return self.tag().map(Event::Open);
            }
        }
    }

    /// `<!DOCTYPE topology SYSTEM "hwloc2.dtd">` or a comment.
    fn declaration(&mut self) -> Result<(), XmlError> {
        if let Some(rest) = self.rest.strip_prefix("--") {
            self.rest = rest;
            return self.skip_past("-->");
        }
        if !self.rest.starts_with("DOCTYPE") {
            return Err(self.error(XmlProblem::BadTag));
        }
        let end = self.rest.find('>').unwrap_or(self.rest.len());
        if self.rest[..end].contains('[') {
            return Err(self.error(XmlProblem::Definitions));
        }
        self.skip_past(">")
    }

    fn tag(&mut self) -> Result<Tag<'text>, XmlError> {
        let name = self.name()?;
        let mut attributes: Vec<(&str, &str)> = Vec::new();
        loop {
            let spaced = self.space();
            if self.skip('>') {
                break;
            }
            if self.skip('/') {
                self.expect('>')?;
                self.closing = Some(name);
                break;
            }
            if !spaced || attributes.len() == MAX_ATTRIBUTES {
                return Err(self.error(XmlProblem::BadTag));
            }
            let (key, value) = self.attribute()?;
            if attributes.iter().any(|(other, _)| *other == key) {
                return Err(self.error(XmlProblem::RepeatedAttribute(super::excerpt(key))));
            }
            attributes.push((key, value));
        }
        Ok(Tag { name, attributes })
    }

    fn attribute(&mut self) -> Result<(&'text str, &'text str), XmlError> {
        let key = self.name()?;
        self.expect('=')?;
        self.expect('"')?;
        let end = self.rest.find(['"', '<']);
        let Some(end) = end.filter(|&end| self.rest.as_bytes().get(end) == Some(&b'"')) else {
            return Err(self.error(XmlProblem::BadTag));
        };
        let value = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok((key, value))
    }

    fn name(&mut self) -> Result<&'text str, XmlError> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = self.rest.find(|c| !is_name(c)).unwrap_or(self.rest.len());
        if end == 0 {
            return Err(self.error(XmlProblem::BadTag));
        }
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(name)
    }

    fn space(&mut self) -> bool {
        let trimmed = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        let spaced = trimmed.len() < self.rest.len();
        self.rest = trimmed;
        spaced
    }

    fn skip(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, c: char) -> Result<(), XmlError> {
        if self.skip(c) { Ok(()) } else { Err(self.error(XmlProblem::BadTag)) }
    }

    fn skip_past(&mut self, end: &str) -> Result<(), XmlError> {
        match self.rest.split_once(end) {
            Some((_, rest)) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.error(XmlProblem::BadTag)),
        }
    }
}
