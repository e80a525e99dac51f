//! From text to tree: YAML with CloudFormation's short-form tags, and JSON.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, SpannedEventReceiver, Tag};

use super::node::{Data, Entry, Mark, Node};
use super::problem::Problem;

/// Short-form tags and the functions they stand for.
const TAGS: &[(&str, &str)] = &[
    ("And", "Fn::And"),
    ("Base64", "Fn::Base64"),
    ("Cidr", "Fn::Cidr"),
    ("Condition", "Condition"),
    ("Equals", "Fn::Equals"),
    ("FindInMap", "Fn::FindInMap"),
    ("ForEach", "Fn::ForEach"),
    ("GetAZs", "Fn::GetAZs"),
    ("GetAtt", "Fn::GetAtt"),
    ("If", "Fn::If"),
    ("ImportValue", "Fn::ImportValue"),
    ("Join", "Fn::Join"),
    ("Length", "Fn::Length"),
    ("Not", "Fn::Not"),
    ("Or", "Fn::Or"),
    ("Ref", "Ref"),
    ("Select", "Fn::Select"),
    ("Split", "Fn::Split"),
    ("Sub", "Fn::Sub"),
    ("ToJsonString", "Fn::ToJsonString"),
    ("Transform", "Fn::Transform"),
];

/// Whether short-form tags may stand in a document. They may not in what `AWS::Include` brings in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ShortForms {
    Allowed,
    Refused,
}

/// Reads a template.
pub fn parse(source: &str, short_forms: ShortForms) -> Result<Node, Problem> {
    let json = source.trim_start().starts_with('{');
    if json && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(source) {
        let at = Mark { line: error.line(), column: error.column() };
        return Err(Problem::new(at, "", format!("the template is not well-formed JSON: {error}")));
    }
    match compose(source, short_forms) {
        Err(Unread::NotYaml(_)) if json => match serde_json::from_str(source) {
            // JSON that YAML cannot read (an escaped surrogate pair, say) is still JSON; only the places are lost.
            Ok(value) => Ok(Node::from_json(Mark::default(), &value)),
            Err(error) => Err(Problem::new(Mark::default(), "", error.to_string())),
        },
        Err(Unread::NotYaml(first)) => match leniently(source, first.at.line, short_forms) {
            Ok(node) => Ok(node),
            Err(Unread::NotYaml(_)) => Err(first),
            Err(Unread::Refused(problem)) => Err(problem),
        },
        Err(Unread::Refused(problem)) => Err(problem),
        Ok(node) => Ok(node),
    }
}

/// Why a text gives no tree: it is no YAML, or it is YAML that a template may not be.
enum Unread {
    NotYaml(Problem),
    Refused(Problem),
}

fn compose(source: &str, short_forms: ShortForms) -> Result<Node, Unread> {
    let mut composer =
        Composer { short_forms, open: Vec::new(), anchors: Vec::new(), aliased: 0, root: None, problem: None };
    let loaded = Parser::new_from_str(source).load(&mut composer, false);
    match (loaded, composer.problem, composer.root) {
        (Ok(()), None, Some(root)) => Ok(root),
        (_, Some(problem), _) => Err(Unread::Refused(problem)),
        (Err(error), ..) => {
            let at = Mark { line: error.marker().line(), column: error.marker().col() + 1 };
            let why = format!("the template is not well-formed YAML: {}", error.info());
            Err(Unread::NotYaml(Problem::new(at, "", why)))
        }
        (Ok(()), None, None) => Err(Unread::Refused(Problem::new(Mark::default(), "", "the template is empty"))),
    }
}

/// How many lines may be put right; each costs a pass over the text.
const LENIENT_LINES_MAX: usize = 200;

/// Reads a text whose flow collections close further left than YAML's own grammar allows: `Policy: {` over several
/// lines with its `}` under the `P`. CloudFormation's parser takes that, and public templates hold much of it. Only
/// lines that begin with a closing bracket are moved, to the right, which cannot change what they mean.
fn leniently(source: &str, first: usize, short_forms: ShortForms) -> Result<Node, Unread> {
    let mut lines: Vec<String> = source.lines().map(str::to_owned).collect();
    let mut at = first;
    for _ in 0..LENIENT_LINES_MAX {
        let before = at.checked_sub(2).and_then(|index| lines.get(index)).map_or("", String::as_str);
        let indent = before.len() - before.trim_start().len() + 8;
        match at.checked_sub(1).and_then(|index| lines.get_mut(index)) {
            Some(line) if line.trim_start().starts_with(['}', ']']) => {
                *line = format!("{}{}", " ".repeat(indent), line.trim_start());
            }
            _ => break,
        }
        match compose(&lines.join("\n"), short_forms) {
            // The next such line; a line that moving did not help is the end of it.
            Err(Unread::NotYaml(next)) if next.at.line > at => at = next.at.line,
            other => return other,
        }
    }
    compose(&lines.join("\n"), short_forms)
}

/// How deep a template may nest: far beyond any real one, and shallow enough to walk.
const DEPTH_MAX: usize = 100;
/// How many nodes aliases may add in all, so that a few lines cannot stand for millions.
const ALIASED_NODES_MAX: usize = 100_000;

/// A list or map that is still being read.
struct Open {
    node: Node,
    /// The key that waits for its value, in a map.
    key: Option<(String, Mark)>,
    anchor: usize,
    function: Option<&'static str>,
}

struct Composer {
    short_forms: ShortForms,
    open: Vec<Open>,
    anchors: Vec<(usize, Node)>,
    /// Nodes that aliases have added so far.
    aliased: usize,
    root: Option<Node>,
    problem: Option<Problem>,
}

impl SpannedEventReceiver<'_> for Composer {
    fn on_event(&mut self, event: Event<'_>, span: Span) {
        if self.problem.is_some() || self.root.is_some() {
            return;
        }
        let at = Mark { line: span.start.line(), column: span.start.col() + 1 };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let function = self.function(tag.as_deref(), at);
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let node = Node { at, data: Data::Scalar { text: text.into_owned(), plain } };
                self.finish(node, anchor, function);
            }
            Event::SequenceStart(anchor, tag) => self.start(Data::List(Vec::new()), anchor, tag.as_deref(), at),
            Event::MappingStart(anchor, tag) => self.start(Data::Map(Vec::new()), anchor, tag.as_deref(), at),
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { node, anchor, function, .. }) = self.open.pop() {
                    self.finish(node, anchor, function);
                }
            }
            Event::Alias(id) => {
                let found = self.anchors.iter().rev().find(|(known, _)| *known == id).map(|(_, node)| node.clone());
                self.aliased += found.as_ref().map_or(0, count);
                match found {
                    Some(_) if self.aliased > ALIASED_NODES_MAX => self.fail(at, "aliases expand to too many nodes"),
                    Some(node) => self.insert(node),
                    None => self.fail(at, "the alias names no anchor that is complete"),
                }
            }
            _ => {}
        }
    }
}

impl Composer {
    fn start(&mut self, data: Data, anchor: usize, tag: Option<&Tag>, at: Mark) {
        let function = self.function(tag, at);
        if self.open.len() >= DEPTH_MAX {
            self.fail(at, "the template nests too deep");
        }
        self.open.push(Open { node: Node { at, data }, key: None, anchor, function });
    }

    /// The function a tag stands for.
    fn function(&mut self, tag: Option<&Tag>, at: Mark) -> Option<&'static str> {
        let tag = tag?;
        if tag.is_yaml_core_schema() || (tag.handle.is_empty() && tag.suffix == "!") {
            return None;
        }
        let Some((short, long)) = TAGS.iter().find(|(short, _)| *short == tag.suffix && tag.handle == "!") else {
            let near = super::problem::did_you_mean(&tag.suffix, TAGS.iter().map(|(short, _)| *short));
            self.fail(at, &format!("unknown tag {tag}{near}"));
            return None;
        };
        if self.short_forms == ShortForms::Refused {
            self.fail(at, &format!("AWS::Include does not take the short form !{short}; write {long}"));
        }
        Some(long)
    }

    /// Wraps what a tag stood before, remembers what an anchor names, and hands the value to its parent.
    fn finish(&mut self, mut node: Node, anchor: usize, function: Option<&'static str>) {
        if let Some(function) = function {
            let at = node.at;
            if let (true, Data::Scalar { text, .. }) = (function == "Fn::GetAtt", &node.data)
                && let Some((resource, attribute)) = text.split_once('.')
            {
                node = Node::list(at, vec![Node::text(at, resource), Node::text(at, attribute)]);
            }
            node = Node::call(at, function, node);
        }
        if anchor > 0 {
            self.anchors.push((anchor, node.clone()));
        }
        self.insert(node);
    }

    fn insert(&mut self, node: Node) {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut parent.node.data {
            Data::List(items) => items.push(node),
            Data::Map(entries) => match parent.key.take() {
                Some((key, key_at)) => entries.push(Entry { key, key_at, value: node }),
                None => {
                    let (at, key) = (node.at, node.as_text().map(str::to_owned));
                    match key {
                        Some(key) if entries.iter().any(|entry| entry.key == key) => {
                            self.fail(at, &format!("the key {key:?} stands twice in one map"));
                        }
                        Some(key) => parent.key = Some((key, at)),
                        None => self.fail(at, "a key must be text"),
                    }
                }
            },
            Data::Scalar { .. } => {}
        }
    }

    fn fail(&mut self, at: Mark, message: &str) {
        self.problem.get_or_insert_with(|| Problem::new(at, "", message));
    }
}

fn count(node: &Node) -> usize {
    match &node.data {
        Data::Scalar { .. } => 1,
        Data::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Data::Map(entries) => 1 + entries.iter().map(|entry| count(&entry.value)).sum::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(source: &str) -> Node {
        parse(source, ShortForms::Allowed).unwrap()
    }

    #[test]
    fn short_forms_become_long_ones() {
        let node =
            read("A: !GetAtt Table.Stream.Arn\nB: !Sub '${A}-x'\nC: !If [X, !Ref Y, 1]\nD: !Join\n  - ''\n  - [a]\n");
        let expected = json!({
            "A": {"Fn::GetAtt": ["Table", "Stream.Arn"]},
            "B": {"Fn::Sub": "${A}-x"},
            "C": {"Fn::If": ["X", {"Ref": "Y"}, 1]},
            "D": {"Fn::Join": ["", ["a"]]},
        });
        assert_eq!(node.to_json(), expected);
    }

    #[test]
    fn what_would_change_as_a_number_stays_text() {
        let node = read("A: 012345678901\nB: 1.10\nC: 2012-10-17\nD: 512\nE: '512'\nF: true\nG: 0.5\n");
        let expected =
            json!({"A": "012345678901", "B": "1.10", "C": "2012-10-17", "D": 512, "E": "512", "F": true, "G": 0.5});
        assert_eq!(node.to_json(), expected);
    }

    #[test]
    fn brackets_may_close_under_their_key() {
        let text = "A:\n  B: {\n    \"C\": [\n      1\n    ]\n  }\n  D: [{\n    E: 2\n  }, {\n    F: 3\n  }]\nG: 4\n";
        assert_eq!(read(text).to_json(), json!({"A": {"B": {"C": [1]}, "D": [{"E": 2}, {"F": 3}]}, "G": 4}));
        let wrong = parse("A:\n  B: {\n    C: 1\n  }\n  }\n", ShortForms::Allowed).unwrap_err();
        assert!(wrong.to_string().contains("not well-formed YAML"), "{wrong}");
    }

    #[test]
    fn marks_point_at_keys_and_json_is_read() {
        let node = read("Resources:\n  Table:\n    Type: X\n");
        let entry = node.get("Resources").unwrap().entry("Table").unwrap();
        assert_eq!((entry.key_at.line, entry.key_at.column), (2, 3));
        let node = read("{\n\t\"A\": {\"Ref\": \"B\\/C\"}, \"E\": \"\\ud83d\\ude00\"\n}");
        assert_eq!(node.to_json(), json!({"A": {"Ref": "B/C"}, "E": "\u{1f600}"}));
    }

    #[test]
    fn mistakes_name_their_place() {
        let fail = |source: &str| parse(source, ShortForms::Allowed).unwrap_err().to_string();
        assert_eq!(fail("A: !Reff B"), "template line 1:4: unknown tag !Reff, did you mean \"Ref\"?");
        assert_eq!(fail("A: 1\nB: 2\nA: 3\n"), "template line 3:1: the key \"A\" stands twice in one map");
        assert!(fail("A: [1").starts_with("template line "));
        assert!(fail("{\"A\": }").contains("not well-formed JSON"));
        assert!(fail(&"[".repeat(150)).contains("nests too deep"));
        let bomb: String =
            (1..9).map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(","))).collect();
        assert!(fail(&format!("a0: &a0 x\n{bomb}")).contains("too many nodes"));
        let refused = parse("A:\n  b: !Ref C", ShortForms::Refused).unwrap_err().to_string();
        assert!(refused.contains("write Ref"), "{refused}");
    }
}
