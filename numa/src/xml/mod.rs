//! Guards hwloc against XML that would crash it.
//!
//! hwloc trusts what it imports: an object without its sets is a null pointer to it, and so a segmentation
//! fault to the whole program. Its files are operators' input here, so they are judged first. The rules:
//! 1. The text is well-formed, in the strict sense of `scan`, and of bounded size, depth and object count.
//! 2. It is hwloc's format 2: format 1 has other rules, and hwloc 2 does not read format 3.
//! 3. Every object has a known type, and each that is no I/O or Misc object has its four sets, in hwloc's
//!    notation: comma-separated 32-bit words in hexadecimal, most significant first.
//! 4. A PU and a NUMA node have an index that a set can hold: hwloc would allocate for any.
//! 5. Objects lie where hwloc writes them: inside `topology` or another object.
//!
//! Whether the machine so described makes sense is judged after hwloc has read it, in `assemble`.

mod scan;

use thiserror::Error;

use crate::set::MAX_OS_INDEX;

use scan::{Event, Scanner, Tag};

/// The largest file read; those of the largest machines known have a few megabytes.
pub const MAX_XML_BYTES: usize = 16 << 20;

/// Objects nest about 20 deep on the most structured machines.
const MAX_DEPTH: usize = 64;

/// Eight per PU of the largest machine.
const MAX_OBJECTS: usize = 65_536;

/// Inserting a child costs hwloc a walk over its siblings.
const MAX_CHILDREN: usize = 4_096;

/// Words of a set: enough for the largest index.
const MAX_SET_WORDS: usize = MAX_OS_INDEX as usize / 32 + 1;

/// The sets of an object that has PUs or memory.
const SETS: [&str; 4] = ["cpuset", "complete_cpuset", "nodeset", "complete_nodeset"];

/// Types of objects that have sets.
const TYPES_WITH_SETS: [&str; 16] = [
    "Machine", "Package", "Die", "Core", "PU", "L1Cache", "L2Cache", "L3Cache", "L4Cache", "L5Cache", "L1iCache",
    "L2iCache", "L3iCache", "Group", "NUMANode", "MemCache",
];

/// Types of objects that have none.
const TYPES_WITHOUT_SETS: [&str; 4] = ["Bridge", "PCIDev", "OSDev", "Misc"];

/// Why a text is not an hwloc XML file, and in which line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct XmlError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong in it.
    pub problem: XmlProblem,
}

/// What [`XmlError`] found. Names from the text are cut to a few characters.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum XmlProblem {
    /// Too many bytes.
    #[error("it is larger than {} MiB", MAX_XML_BYTES >> 20)]
    TooLarge,
    /// Not UTF-8, or a NUL.
    #[error("it is not text")]
    NotText,
    /// The tag does not follow the syntax, or is cut off.
    #[error("malformed or unfinished tag")]
    BadTag,
    /// A document type with definitions of its own.
    #[error("a DOCTYPE with definitions is not accepted")]
    Definitions,
    /// An attribute stands twice in one tag.
    #[error("attribute `{0}` is given twice")]
    RepeatedAttribute(String),
    /// The first tag is not `<topology>`.
    #[error("the outermost element is not `<topology>`")]
    NotTopology,
    /// hwloc's format 1.
    #[error("this is hwloc 1's format; convert it with an lstopo of hwloc 2 (`lstopo -i OLD --of xml NEW`)")]
    OldFormat,
    /// A format that hwloc 2 does not read.
    #[error("format {0} is not supported; export it with `--export-xml-flags v2`")]
    UnknownFormat(String),
    /// A closing tag that nothing opened.
    #[error("`</{0}>` does not close the innermost element")]
    WrongClose(String),
    /// The text ends inside an element.
    #[error("the file ends inside `<{0}>`; it is cut off")]
    CutOff(String),
    /// Something behind the outermost element.
    #[error("something follows the end of the topology")]
    Trailing,
    /// Elements nest too deep.
    #[error("elements nest more than {MAX_DEPTH} deep")]
    TooDeep,
    /// Too many objects.
    #[error("more than {MAX_OBJECTS} objects")]
    TooManyObjects,
    /// Too many children.
    #[error("more than {MAX_CHILDREN} elements directly inside `<{0}>`")]
    TooManyChildren(String),
    /// An object where none belongs.
    #[error("an object inside `<{0}>`")]
    MisplacedObject(String),
    /// An object of no known type.
    #[error("an object of unknown type `{0}`")]
    UnknownType(String),
    /// An object lacks a set.
    #[error("an object `{object}` without its `{set}`")]
    MissingSet {
        /// The object's type.
        object: String,
        /// Which attribute.
        set: &'static str,
    },
    /// A PU or NUMA node without an index, or with one that no machine has.
    #[error("an object `{0}` without an `os_index` of at most {MAX_OS_INDEX}")]
    BadIndex(String),
    /// A set in another notation than hwloc's.
    #[error("`{set}` is not a set such as `0x0000000f,0xffffffff`")]
    BadSet {
        /// Which attribute.
        set: &'static str,
    },
}

/// Whether hwloc can be trusted with the text.
pub(crate) fn vet(text: &str) -> Result<(), XmlError> {
    let mut scanner = Scanner::new(text);
    if text.len() > MAX_XML_BYTES {
        return Err(scanner.error(XmlProblem::TooLarge));
    }
    if text.contains('\0') {
        return Err(scanner.error(XmlProblem::NotText));
    }
    let mut open: Vec<Element<'_>> = Vec::new();
    let mut objects = 0;
    let mut finished = false;
    loop {
        let verdict = match scanner.next()? {
            Event::Open(_) if finished => Err(XmlProblem::Trailing),
            Event::Open(tag) => {
                objects += usize::from(tag.name == "object");
                enter(&mut open, &tag, objects)
            }
            Event::Close(name) => {
                let verdict = leave(&mut open, name);
                finished = open.is_empty();
                verdict
            }
            Event::End if finished => return Ok(()),
            Event::End => Err(unfinished(&open)),
        };
        verdict.map_err(|problem| scanner.error(problem))?;
    }
}

/// The first characters of a name from the text, printable.
fn excerpt(name: &str) -> String {
    name.chars().take(24).flat_map(char::escape_debug).collect()
}

/// An element whose end has not come yet.
struct Element<'text> {
    name: &'text str,
    children: usize,
}

fn unfinished(open: &[Element<'_>]) -> XmlProblem {
    match open.last() {
        Some(element) => XmlProblem::CutOff(excerpt(element.name)),
        None => XmlProblem::NotTopology,
    }
}

fn enter<'text>(open: &mut Vec<Element<'text>>, tag: &Tag<'text>, objects: usize) -> Result<(), XmlProblem> {
    if let Some(parent) = open.last_mut() {
        parent.children += 1;
        check_child(parent, tag)?;
    } else {
        check_format(tag)?;
    }
    if objects > MAX_OBJECTS {
        return Err(XmlProblem::TooManyObjects);
    }
    if open.len() == MAX_DEPTH {
        return Err(XmlProblem::TooDeep);
    }
    open.push(Element { name: tag.name, children: 0 });
    Ok(())
}

fn leave(open: &mut Vec<Element<'_>>, name: &str) -> Result<(), XmlProblem> {
    match open.pop() {
        Some(element) if element.name == name => Ok(()),
        _ => Err(XmlProblem::WrongClose(excerpt(name))),
    }
}

fn check_child(parent: &Element<'_>, tag: &Tag<'_>) -> Result<(), XmlProblem> {
    if parent.children > MAX_CHILDREN {
        return Err(XmlProblem::TooManyChildren(excerpt(parent.name)));
    }
    if tag.name != "object" {
        return Ok(());
    }
    if parent.name != "object" && parent.name != "topology" {
        return Err(XmlProblem::MisplacedObject(excerpt(parent.name)));
    }
    check_object(tag)
}

fn check_format(tag: &Tag<'_>) -> Result<(), XmlProblem> {
    if tag.name != "topology" {
        return Err(XmlProblem::NotTopology);
    }
    match tag.attribute("version") {
        None => Err(XmlProblem::OldFormat),
        Some(version) if version.starts_with("2.") => Ok(()),
        Some(version) => Err(XmlProblem::UnknownFormat(excerpt(version))),
    }
}

fn check_object(tag: &Tag<'_>) -> Result<(), XmlProblem> {
    let object = tag.attribute("type").unwrap_or("");
    if TYPES_WITHOUT_SETS.contains(&object) {
        return Ok(());
    }
    if !TYPES_WITH_SETS.contains(&object) {
        return Err(XmlProblem::UnknownType(excerpt(object)));
    }
    let has_index = tag.attribute("os_index").is_some_and(is_index);
    if matches!(object, "PU" | "NUMANode") && !has_index {
        return Err(XmlProblem::BadIndex(object.to_owned()));
    }
    for set in SETS {
        match tag.attribute(set) {
            None => {
                return Err(XmlProblem::MissingSet { object: object.to_owned(), set });
            }
            Some(value) if is_set(value) => {}
            Some(_) => return Err(XmlProblem::BadSet { set }),
        }
    }
    Ok(())
}

fn is_index(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit()) && value.parse().is_ok_and(|index: u32| index <= MAX_OS_INDEX)
}

/// hwloc leaves words of zero empty and writes `0xf...f` for "and all above".
fn is_set(value: &str) -> bool {
    let is_word = |word: &str| {
        let digits = word.strip_prefix("0x").unwrap_or("");
        word.is_empty() || (matches!(digits.len(), 1..=8) && digits.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let finite = value.strip_prefix("0xf...f").unwrap_or(value);
    !value.is_empty() && value.split(',').count() <= MAX_SET_WORDS && finite.split(',').all(is_word)
}

#[cfg(test)]
mod tests;
