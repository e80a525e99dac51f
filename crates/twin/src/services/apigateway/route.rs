//! The route table of a deployment: paths compiled into a tree, so that a request costs its path's length.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bad_request;
use super::integration::Integration;
use crate::wire::AwsError;

/// What a method of a path does.
#[derive(Debug)]
pub struct Route {
    /// The path as the API has it: `/orders/{id}`.
    pub resource: String,
    pub integration: Integration,
}

/// The methods of each path, as an API is built up: `ANY` stands for those not named.
pub type Paths = BTreeMap<String, BTreeMap<String, Option<Integration>>>;

/// The compiled table.
#[derive(Debug, Default)]
pub struct Routes(Node);

#[derive(Debug, Default)]
struct Node {
    literal: BTreeMap<String, Node>,
    parameter: Option<(String, Box<Node>)>,
    /// `{proxy+}`: takes the rest of the path.
    greedy: Option<(String, Methods)>,
    methods: Methods,
}

type Methods = BTreeMap<String, Arc<Route>>;

/// A route and what its path's parameters took.
#[derive(Debug)]
pub struct Found {
    pub route: Arc<Route>,
    pub parameters: Vec<(String, String)>,
}

impl Routes {
    /// Compiles the paths of an API; a method without an integration cannot be deployed.
    pub fn compile(paths: &Paths) -> Result<Self, AwsError> {
        let mut root = Node::default();
        let mut count = 0;
        for (path, methods) in paths {
            for (method, integration) in methods {
                let integration = integration.clone().ok_or_else(|| {
                    bad_request(format!("No integration defined for method: {method} {path} has none"))
                })?;
                root.insert(path, method, Arc::new(Route { resource: path.clone(), integration }))?;
                count += 1;
            }
        }
        if count == 0 {
            return Err(bad_request("The REST API doesn't contain any methods"));
        }
        Ok(Self(root))
    }

    /// The route for a method and a path below the stage.
    pub fn find(&self, method: &str, path: &str) -> Option<Found> {
        let mut parameters = Vec::new();
        let route = self.0.find(method, path.strip_prefix('/').unwrap_or(path), &mut parameters)?;
        parameters.reverse();
        let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Found { route, parameters })
    }
}

impl Node {
    fn insert(&mut self, path: &str, method: &str, route: Arc<Route>) -> Result<(), AwsError> {
        let mut node = self;
        let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
        while let Some(part) = parts.next() {
            let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
                node = node.literal.entry(part.to_owned()).or_default();
                continue;
            };
            if let Some(name) = name.strip_suffix('+') {
                if parts.peek().is_some() {
                    return Err(bad_request(format!("{path}: {part} takes the rest of the path and must stand last")));
                }
                let (_, methods) = node.greedy.get_or_insert_with(|| (name.to_owned(), Methods::new()));
                methods.insert(method.to_owned(), route);
                return Ok(());
            }
            let (known, next) = node.parameter.get_or_insert_with(|| (name.to_owned(), Box::default()));
            if known != name {
                return Err(bad_request(format!(
                    "A sibling ({{{known}}}) of this resource already has a variable path part -- only one is allowed: \
                     {path}"
                )));
            }
            node = next;
        }
        node.methods.insert(method.to_owned(), route);
        Ok(())
    }

    /// Literals before parameters before `{proxy+}`. Parameters come innermost first.
    fn find<'a>(&'a self, method: &str, path: &'a str, taken: &mut Vec<(&'a str, &'a str)>) -> Option<Arc<Route>> {
        if path.is_empty() {
            return of(&self.methods, method);
        }
        let (part, rest) = path.split_once('/').unwrap_or((path, ""));
        if let Some(route) = self.literal.get(part).and_then(|node| node.find(method, rest, taken)) {
            return Some(route);
        }
        if let Some((name, node)) = &self.parameter
            && let Some(route) = node.find(method, rest, taken)
        {
            taken.push((name, part));
            return Some(route);
        }
        let (name, methods) = self.greedy.as_ref()?;
        let route = of(methods, method)?;
        taken.push((name, path));
        Some(route)
    }
}

fn of(methods: &Methods, method: &str) -> Option<Arc<Route>> {
    methods.get(method).or_else(|| methods.get("ANY")).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn routes(paths: &[(&str, &str)]) -> Result<Routes, AwsError> {
        let mut table = Paths::new();
        for (path, method) in paths {
            let mock = json!({"type": "mock", "responses": {"default": {"statusCode": 200}}});
            let integration = Integration::read(&mock, path).unwrap();
            table.entry((*path).to_owned()).or_default().insert((*method).to_owned(), Some(integration));
        }
        Routes::compile(&table)
    }

    #[test]
    fn the_most_precise_path_wins() {
        let routes =
            routes(&[("/", "GET"), ("/orders/{id}", "GET"), ("/orders/open", "GET"), ("/{proxy+}", "ANY")]).unwrap();
        let found = |method: &str, path: &str| {
            routes.find(method, path).map(|found| (found.route.resource.clone(), found.parameters))
        };
        let taken = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        assert_eq!(found("GET", "/"), Some(("/".to_owned(), vec![])));
        assert_eq!(found("GET", "/orders/open"), Some(("/orders/open".to_owned(), vec![])));
        assert_eq!(found("GET", "/orders/7"), Some(("/orders/{id}".to_owned(), taken("id", "7"))));
        assert_eq!(found("PUT", "/orders/7"), Some(("/{proxy+}".to_owned(), taken("proxy", "orders/7"))));
        assert_eq!(found("PUT", "/"), None);
    }

    #[test]
    fn parameters_come_in_the_order_of_the_path() {
        let routes = routes(&[("/a/{x}/b/{y}", "GET")]).unwrap();
        let found = routes.find("GET", "/a/1/b/2").unwrap();
        assert_eq!(found.parameters, [("x".to_owned(), "1".to_owned()), ("y".to_owned(), "2".to_owned())]);
        assert!(routes.find("GET", "/a/1/b").is_none());
    }

    #[test]
    fn ambiguous_paths_and_empty_apis_are_refused() {
        assert!(routes(&[("/{a}", "GET"), ("/{b}/c", "GET")]).unwrap_err().message.contains("only one is allowed"));
        assert!(routes(&[("/{a+}/b", "GET")]).is_err());
        assert!(routes(&[]).unwrap_err().message.contains("any methods"));
    }
}
