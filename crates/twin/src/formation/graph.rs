//! Which resource needs which, and the order that follows.

use std::collections::{BTreeMap, BTreeSet};

use super::intrinsics::{Piece, Scope, sub_parts, sub_pieces};
use super::template::{Data, Node, Problem};

/// What each resource that will exist depends on: `DependsOn` and every reference in its properties.
pub fn dependencies(scope: &Scope<'_>) -> BTreeMap<String, BTreeSet<String>> {
    let mut graph = BTreeMap::new();
    for (name, resource) in &scope.template.resources {
        if !scope.holds(resource.condition.as_ref().map(|(name, _)| name.as_str())) {
            continue;
        }
        let mut needs: BTreeSet<String> = resource.depends_on.iter().map(|(name, _)| name.clone()).collect();
        references(scope, &resource.properties, &mut needs);
        needs.remove(name);
        graph.insert(name.clone(), needs);
    }
    let existing: BTreeSet<String> = graph.keys().cloned().collect();
    for needs in graph.values_mut() {
        needs.retain(|need| existing.contains(need));
    }
    graph
}

/// The resources in an order in which each comes after what it needs; the template's order decides the rest.
pub fn order(scope: &Scope<'_>) -> Result<Vec<String>, Problem> {
    let mut graph = dependencies(scope);
    let mut order = Vec::with_capacity(graph.len());
    while !graph.is_empty() {
        let ready: Vec<&String> =
            scope.template.resources.keys().filter(|name| graph.get(*name).is_some_and(BTreeSet::is_empty)).collect();
        if ready.is_empty() {
            let circle: Vec<&str> = graph.keys().filter(|name| reaches(&graph, name)).map(String::as_str).collect();
            let first = circle.first().and_then(|name| scope.template.resources.get(*name));
            let why = format!("Circular dependency between resources: [{}]", circle.join(", "));
            return Err(Problem::new(first.map(|resource| resource.at).unwrap_or_default(), "Resources", why));
        }
        for name in ready {
            graph.remove(name);
            for needs in graph.values_mut() {
                needs.remove(name);
            }
            order.push(name.clone());
        }
    }
    Ok(order)
}

/// Whether a resource needs itself in the end.
fn reaches(graph: &BTreeMap<String, BTreeSet<String>>, start: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open: Vec<&str> = vec![start];
    while let Some(name) = open.pop() {
        for need in graph.get(name).into_iter().flatten() {
            if need == start {
                return true;
            }
            if seen.insert(need.as_str()) {
                open.push(need);
            }
        }
    }
    false
}

fn references(scope: &Scope<'_>, node: &Node, found: &mut BTreeSet<String>) {
    match &node.data {
        Data::Scalar { .. } => {}
        Data::List(items) => items.iter().for_each(|item| references(scope, item, found)),
        Data::Map(entries) => match node.as_call() {
            Some(("Ref", argument)) => found.extend(argument.as_text().map(str::to_owned)),
            Some(("Fn::GetAtt", argument)) => {
                let first = argument.as_list().and_then(|items| items.first()).unwrap_or(argument);
                let name = first.as_text().and_then(|text| text.split('.').next());
                found.extend(name.map(str::to_owned));
            }
            Some(("Fn::Sub", argument)) => sub_references(scope, argument, found),
            // Only the branch that is taken counts: CloudFormation orders by what is really referred to.
            Some(("Fn::If", argument)) => {
                if let Some([name, then, otherwise]) = argument.as_list() {
                    let holds = scope.holds(name.as_text());
                    references(scope, if holds { then } else { otherwise }, found);
                }
            }
            _ => entries.iter().for_each(|entry| references(scope, &entry.value, found)),
        },
    }
}

fn sub_references(scope: &Scope<'_>, argument: &Node, found: &mut BTreeSet<String>) {
    let Ok((text, variables)) = sub_parts(argument, "") else { return };
    for piece in sub_pieces(text) {
        if let Piece::Name(name) = piece
            && variables.and_then(|variables| variables.get(name)).is_none()
        {
            found.extend(name.split('.').next().map(str::to_owned));
        }
    }
    if let Some(variables) = variables {
        references(scope, variables, found);
    }
}
