//! Validates `junit.xml` by `junit-10.xsd`, the schema of the JUnit plugin of Jenkins.
//!
//! The schema uses little of what XML Schema offers: elements with attributes and children, in any order, and one pattern.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

const SCHEMA: &str = include_str!("junit-10.xsd");

/// An element of a document.
#[derive(Debug, Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
    has_text: bool,
}

/// Returns what the schema does not allow in a document; nothing if the document is valid.
pub(crate) fn mistakes(document: &str) -> Vec<String> {
    let schema = parse(SCHEMA);
    let mut mistakes = Vec::new();
    validate(&parse(document), &schema, &mut mistakes);
    mistakes
}

fn parse(text: &str) -> Element {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => open.push(element(&start)),
            Event::Empty(start) => {
                let child = element(&start);
                open.last_mut().unwrap().children.push(child);
            }
            Event::End(_) => {
                let child = open.pop().unwrap();
                open.last_mut().unwrap().children.push(child);
            }
            Event::Text(text) if !text.iter().all(u8::is_ascii_whitespace) => open.last_mut().unwrap().has_text = true,
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open.len(), 1, "an element stays open");
    open.remove(0).children.remove(0)
}

fn element(start: &BytesStart<'_>) -> Element {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let attributes = start.attributes().map(|attribute| {
        let attribute = attribute.unwrap();
        (text(attribute.key.as_ref()), text(&attribute.value))
    });
    Element { name: text(start.name().as_ref()), attributes: attributes.collect(), ..Element::default() }
}

impl Element {
    fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// The elements of this name at any depth, but not within other declarations.
    fn all<'a>(&'a self, name: &str, found: &mut Vec<&'a Element>) {
        for child in &self.children {
            if child.name == name {
                found.push(child);
            } else {
                child.all(name, found);
            }
        }
    }
}

/// The declaration of an element or a type of this name at the top of the schema.
fn declaration<'a>(schema: &'a Element, kind: &str, name: &str) -> Option<&'a Element> {
    schema.children.iter().find(|child| child.name == kind && child.attribute("name") == name)
}

fn validate(element: &Element, schema: &Element, mistakes: &mut Vec<String>) {
    let Some(declared) = declaration(schema, "xs:element", &element.name) else {
        return mistakes.push(format!("<{}> is unknown", element.name));
    };
    match declared.attribute("type") {
        "xs:string" => {
            if !element.children.is_empty() || !element.attributes.is_empty() {
                mistakes.push(format!("<{}> may hold text only", element.name));
            }
        }
        "" => validate_content(element, &declared.children[0], schema, mistakes),
        named => validate_content(element, declaration(schema, "xs:complexType", named).unwrap(), schema, mistakes),
    }
}

fn validate_content(element: &Element, declared: &Element, schema: &Element, mistakes: &mut Vec<String>) {
    let (mut attributes, mut children) = (Vec::new(), Vec::new());
    declared.all("xs:attribute", &mut attributes);
    declared.all("xs:element", &mut children);
    for (name, value) in &element.attributes {
        match attributes.iter().find(|attribute| attribute.attribute("name") == name) {
            None => mistakes.push(format!("<{}> may not have the attribute {name}", element.name)),
            Some(attribute) if attribute.attribute("type") == "SUREFIRE_TIME" && !is_time(value) => {
                mistakes.push(format!("{name}={value:?} of <{}> is no time", element.name));
            }
            Some(_) => {}
        }
    }
    for attribute in attributes.iter().filter(|attribute| attribute.attribute("use") == "required") {
        if !element.attributes.contains_key(attribute.attribute("name")) {
            mistakes.push(format!("<{}> lacks the attribute {}", element.name, attribute.attribute("name")));
        }
    }
    if element.has_text && declared.attribute("mixed") != "true" {
        mistakes.push(format!("<{}> may not hold text", element.name));
    }
    for child in &element.children {
        if children.iter().any(|known| [known.attribute("ref"), known.attribute("name")].contains(&&*child.name)) {
            validate(child, schema, mistakes);
        } else {
            mistakes.push(format!("<{}> may not hold <{}>", element.name, child.name));
        }
    }
}

/// The pattern SUREFIRE_TIME, without separators of thousands.
fn is_time(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    part.len() <= 3 && [whole, part].iter().all(|digits| digits.chars().all(|digit| digit.is_ascii_digit()))
}

#[test]
fn the_schema_is_applied() {
    let valid = r#"<testsuite name="s" tests="1" failures="1" errors="0" time="0.012">
        <properties><property name="a" value="b"/></properties>
        <testcase name="c"><failure message="m">text</failure><system-out>text</system-out></testcase></testsuite>"#;
    assert!(mistakes(valid).is_empty(), "{:?}", mistakes(valid));
    for (from, to, mistake) in [
        ("tests=\"1\" ", "", "<testsuite> lacks the attribute tests"),
        ("<testcase name=\"c\">", "<testcase name=\"c\" uuid=\"1\">", "<testcase> may not have the attribute uuid"),
        ("<failure message=\"m\">text", "<failure><properties/>", "<failure> may not hold <properties>"),
        ("time=\"0.012\"", "time=\"0.01234\"", "time=\"0.01234\" of <testsuite> is no time"),
        ("<properties>", "<properties>text", "<properties> may not hold text"),
        ("testcase", "case", "<testsuite> may not hold <case>"),
    ] {
        assert_eq!(mistakes(&valid.replace(from, to)), [mistake]);
    }
}
