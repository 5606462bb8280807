//! What is let through to hwloc, and what is said of the rest.

use super::*;

const SETS_OF_ONE: &str = r#"cpuset="0x1" complete_cpuset="0x1" nodeset="0x1" complete_nodeset="0x1""#;

fn file(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n<topology version=\"2.0\">\n{inside}\n</topology>\n"
    )
}

fn problem(text: &str) -> (usize, XmlProblem) {
    let error = vet(text).unwrap_err();
    (error.line, error.problem)
}

#[test]
fn lets_well_formed_files_through() {
    let pu = format!("<object type=\"PU\" os_index=\"0\" {SETS_OF_ONE}/>");
    let machine = format!(
        "<object type=\"Machine\" {SETS_OF_ONE}>\n<info name=\"a\" value=\"&lt;b/&gt; ' \"/>{pu}\
         <object type=\"OSDev\" name=\"x\"/></object>"
    );
    assert_eq!(vet(&file(&machine)), Ok(()));
    assert_eq!(vet(&file("<!-- note -->")), Ok(()));
    assert_eq!(vet(&file("<distances2><indexes length=\"6\">0 1 </indexes></distances2>")), Ok(()));
}

#[test]
fn names_what_is_not_hwloc_xml() {
    assert_eq!(problem(""), (1, XmlProblem::NotTopology));
    assert_eq!(problem("# a note\n"), (2, XmlProblem::NotTopology));
    assert_eq!(problem("<html></html>"), (1, XmlProblem::NotTopology));
    assert_eq!(problem("<topology></topology>"), (1, XmlProblem::OldFormat));
    assert_eq!(problem("<topology version=\"3.0\"></topology>"), (1, XmlProblem::UnknownFormat("3.0".into())));
    assert_eq!(problem(&file("\0")), (1, XmlProblem::NotText));
}

#[test]
fn names_what_is_malformed() {
    assert_eq!(problem("<"), (1, XmlProblem::BadTag));
    assert_eq!(problem("<topology version='2.0'>"), (1, XmlProblem::BadTag));
    assert_eq!(problem(&file("<info name=\"a\"value=\"b\"/>")), (4, XmlProblem::BadTag));
    assert_eq!(problem(&file("<info name=\"<\"/>")), (4, XmlProblem::BadTag));
    assert_eq!(problem(&file("<info a=\"1\" a=\"2\"/>")), (4, XmlProblem::RepeatedAttribute("a".into())));
    assert_eq!(problem(&file("</info>")), (4, XmlProblem::WrongClose("info".into())));
    assert_eq!(problem("<topology version=\"2.0\">\n<object "), (2, XmlProblem::BadTag));
    assert_eq!(problem("<topology version=\"2.0\">\n<info>"), (2, XmlProblem::CutOff("info".into())));
    assert_eq!(problem("<topology version=\"2.0\"/><topology version=\"2.0\"/>"), (1, XmlProblem::Trailing));
    let bomb = "<!DOCTYPE t [<!ENTITY a \"aa\">]><topology version=\"2.0\"/>";
    assert_eq!(problem(bomb), (1, XmlProblem::Definitions));
}

#[test]
fn names_what_would_crash_hwloc() {
    for set in SETS {
        // With the space: `cpuset` is also the end of `complete_cpuset`.
        let without = format!(" {SETS_OF_ONE}").replace(&format!(" {set}=\"0x1\""), "");
        let object = "PU".to_owned();
        assert_eq!(
            problem(&file(&format!("<object type=\"PU\" os_index=\"0\" {without}/>"))),
            (4, XmlProblem::MissingSet { object, set })
        );
    }
    for index in ["", "os_index=\"-1\"", "os_index=\"\"", "os_index=\"65536\""] {
        let pu = format!("<object type=\"PU\" {index} {SETS_OF_ONE}/>");
        assert_eq!(problem(&file(&pu)), (4, XmlProblem::BadIndex("PU".into())));
    }
    assert_eq!(problem(&file("<object type=\"Toaster\"/>")), (4, XmlProblem::UnknownType("Toaster".into())));
    assert_eq!(
        problem(&file("<distances2><object type=\"Misc\"/></distances2>")),
        (4, XmlProblem::MisplacedObject("distances2".into()))
    );
}

#[test]
fn bounds_what_it_reads() {
    assert_eq!(problem(&"a".repeat(MAX_XML_BYTES + 1)), (1, XmlProblem::TooLarge));
    assert_eq!(problem(&file(&"<a>".repeat(MAX_DEPTH))), (4, XmlProblem::TooDeep));
    let many = "<object type=\"Misc\"/>".repeat(MAX_CHILDREN + 1);
    let problem_of_many = XmlProblem::TooManyChildren("topology".into());
    assert_eq!(problem(&file(&many)), (4, problem_of_many));
    let row = format!("<object type=\"Misc\">{}</object>", "<object type=\"Misc\"/>".repeat(4_000));
    assert_eq!(problem(&file(&row.repeat(17))), (4, XmlProblem::TooManyObjects));
}

#[test]
fn knows_hwlocs_sets() {
    for set in ["0x1", "0x0000000f,0xffffffff", "0xe0000000,,,,,,,0x00000001", "0xf...f", "0xf...f,0x1", "0x0"] {
        assert!(is_set(set), "{set}");
    }
    for set in ["", "0x", "1", "0-3", "0x123456789", "0xg", "0x1 ", "-0x1", "0x1,f"] {
        assert!(!is_set(set), "{set}");
    }
    assert!(!is_set(&",".repeat(MAX_SET_WORDS)));
}

#[test]
fn excerpts_are_short_and_printable() {
    let long = "\u{1b}[31m".repeat(100);
    assert!(excerpt(&long).len() <= 24 * 10);
    assert!(!excerpt(&long).contains('\u{1b}'));
}
