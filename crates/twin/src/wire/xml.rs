//! A small XML tree: enough to read the bodies SDKs send and to write the answers they parse.

use super::AwsError;
use quick_xml::events::Event;

/// An element with its attributes, text and children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    #[must_use]
    pub fn child(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    #[must_use]
    pub fn text_child(self, name: &str, text: impl Into<String>) -> Self {
        self.child(Element::new(name).text(text))
    }

    /// The child of this name, if there is a value to write.
    #[must_use]
    pub fn optional_child(self, name: &str, text: Option<impl Into<String>>) -> Self {
        match text {
            Some(text) => self.text_child(name, text),
            None => self,
        }
    }

    pub fn get(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    pub fn get_text(&self, name: &str) -> Option<&str> {
        self.get(name).map(|child| child.text.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The element as a document with an XML declaration.
    pub fn document(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in &self.attributes {
            out.push_str(&format!(" {name}=\"{}\"", quick_xml::escape::escape(value.as_str())));
        }
        out.push('>');
        out.push_str(&quick_xml::escape::escape(self.text.as_str()));
        for child in &self.children {
            child.write(out);
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }

    /// Reads a document; namespaces prefixes are dropped.
    pub fn parse(body: &[u8]) -> Result<Self, AwsError> {
        let malformed =
            |why: String| AwsError::bad_request("MalformedXML", format!("the body is not well-formed XML: {why}"));
        let text = std::str::from_utf8(body).map_err(|error| malformed(error.to_string()))?;
        let mut reader = quick_xml::Reader::from_str(text);
        let mut open: Vec<Element> = Vec::new();
        loop {
            match reader.read_event().map_err(|error| malformed(error.to_string()))? {
                Event::Start(start) => open.push(Self::opened(&start)),
                Event::Empty(start) => {
                    let element = Self::opened(&start);
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => return Ok(element),
                    }
                }
                Event::Text(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text);
                    }
                }
                Event::GeneralRef(name) => {
                    let text = quick_xml::escape::unescape(&format!("&{};", &*name))
                        .map_err(|error| malformed(error.to_string()))?
                        .into_owned();
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text);
                    }
                }
                Event::CData(data) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&data);
                    }
                }
                Event::End(_) => {
                    let Some(mut element) = open.pop() else { return Err(malformed("an end without a start".into())) };
                    if !element.children.is_empty() {
                        element.text.clear();
                    }
                    match open.last_mut() {
                        Some(parent) => parent.children.push(element),
                        None => return Ok(element),
                    }
                }
                Event::Eof => return Err(malformed("it ends early".into())),
                _ => {}
            }
        }
    }

    fn opened(start: &quick_xml::events::BytesStart<'_>) -> Self {
        let name = start.local_name().as_ref().to_owned();
        let attributes = start
            .attributes()
            .flatten()
            .map(|attribute| {
                let name = attribute.key.local_name().as_ref().to_owned();
                (name, attribute.value.into_owned())
            })
            .collect();
        Self { name, attributes, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let written = Element::new("A").child(Element::new("B").text("x < y & \"z\"")).text_child("C", "");
        assert_eq!(Element::parse(written.document().as_bytes()).unwrap(), written);
    }

    #[test]
    fn a_truncated_body_is_refused() {
        assert_eq!(Element::parse(b"<A><B>").unwrap_err().code, "MalformedXML");
    }
}
