//! `AWS::Serverless::SimpleTable`: a table with one key.

use super::{Sam, Source};
use crate::formation::template::Node;

impl Sam<'_> {
    pub(super) fn table(&mut self, source: &Source<'_>) {
        let at = source.at;
        let key = source.get("PrimaryKey");
        let name = key.and_then(|key| key.get("Name").cloned()).unwrap_or_else(|| source.text("id"));
        let kind = match key.and_then(|key| key.get_text("Type")) {
            None | Some("String") => "S",
            Some("Number") => "N",
            Some("Binary") => "B",
            Some(_) => {
                let why = "must be String, Number or Binary";
                return self.fail(key.map_or(at, |key| key.at), &source.path("PrimaryKey/Type"), why);
            }
        };
        let definition = Node::map(at, [("AttributeName", name.clone()), ("AttributeType", source.text(kind))]);
        let schema = Node::map(at, [("AttributeName", name), ("KeyType", source.text("HASH"))]);
        let on_demand = source.get("ProvisionedThroughput").is_none();
        let properties = source.map([
            source.copy("TableName"),
            ("AttributeDefinitions", Some(Node::list(at, vec![definition]))),
            ("KeySchema", Some(Node::list(at, vec![schema]))),
            ("BillingMode", on_demand.then(|| source.text("PAY_PER_REQUEST"))),
            source.copy("ProvisionedThroughput"),
            source.copy("PointInTimeRecoverySpecification"),
            source.copy("SSESpecification"),
            ("Tags", source.tags(None)),
        ]);
        self.push(source, source.id, "AWS::DynamoDB::Table", properties);
    }
}
