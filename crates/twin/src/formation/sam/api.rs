//! `AWS::Serverless::Api`: the API, a deployment named after its body, its stage, and its custom domain.

use serde_json::{Map, Value, json};

use super::{Sam, Source, alphanumeric};
use crate::formation::template::{Data, Node};

impl Sam<'_> {
    pub(super) fn api(&mut self, source: &Source<'_>) {
        let at = source.at;
        let endpoint = source.get("EndpointConfiguration").map(|node| self.endpoint_type(node));
        let (mut body, location) = self.definition(source);
        self.cors(source, &mut body);
        let types = endpoint.clone().map(|kind| Node::map(at, [("Types", Node::list(at, vec![kind]))]));
        let parameters = endpoint.map(|kind| Node::map(at, [("endpointConfigurationTypes", kind)]));
        let rest_api = source.map([
            ("Body", body.clone()),
            ("BodyS3Location", location.clone()),
            source.copy("Name"),
            source.copy("Description"),
            ("EndpointConfiguration", types),
            ("Parameters", parameters),
            source.copy("FailOnWarnings"),
            source.copy("BinaryMediaTypes"),
            source.copy("MinimumCompressionSize"),
            source.copy("DisableExecuteApiEndpoint"),
            ("Tags", source.tags(None)),
        ]);
        self.push(source, source.id, "AWS::ApiGateway::RestApi", rest_api);
        let digest = self.digest(body.as_ref().or(location.as_ref()).unwrap_or(&source.properties));
        let deployment_id = format!("{}Deployment{digest}", source.id);
        // With OpenApiVersion SAM leaves out the stray stage called "Stage" that older templates got.
        let stray = source.get("OpenApiVersion").is_none().then(|| source.text("Stage"));
        let deployment = source.map([
            ("RestApiId", Some(Node::reference(at, source.id))),
            ("Description", Some(source.text(format!("RestApi deployment id: {digest}")))),
            ("StageName", stray),
        ]);
        self.push(source, &deployment_id, "AWS::ApiGateway::Deployment", deployment);
        let stage_id = self.stage(source, &deployment_id);
        self.names.insert(format!("{}.Deployment", source.id), deployment_id);
        self.names.insert(format!("{}.Stage", source.id), stage_id.clone());
        if let Some(domain) = source.get("Domain") {
            self.domain(source, &domain.clone(), &stage_id);
        }
    }

    fn endpoint_type(&self, node: &Node) -> Node {
        match node.get("Type") {
            Some(kind) if node.as_call().is_none() => kind.clone(),
            _ => node.clone(),
        }
    }

    /// The body of the API or where it lies; without either, a body made of the functions' events.
    fn definition(&mut self, source: &Source<'_>) -> (Option<Node>, Option<Node>) {
        if let Some(body) = source.get("DefinitionBody") {
            return (Some(body.clone()), None);
        }
        if let Some(uri) = source.get("DefinitionUri") {
            let location = self.location(uri, &source.path("DefinitionUri"), ["Bucket", "Key", "Version"]);
            return (None, location);
        }
        let mut paths: Map<String, Value> = Map::new();
        for route in self.routes.get(source.id).into_iter().flatten() {
            let uri = format!(
                "arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/${{{}}}/invocations",
                route.target
            );
            let integration = json!({"httpMethod": "POST", "type": "aws_proxy", "uri": {"Fn::Sub": uri}});
            let operation = json!({"x-amazon-apigateway-integration": integration, "responses": {}});
            let path = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
            if let Value::Object(path) = path {
                path.insert(route.method.clone(), operation);
            }
        }
        let info = json!({"version": "1.0", "title": {"Ref": "AWS::StackName"}});
        let body = match source.properties.get_text("OpenApiVersion") {
            Some(version) => json!({"openapi": version, "info": info, "paths": paths}),
            None => json!({"swagger": "2.0", "info": info, "paths": paths}),
        };
        (Some(Node::from_json(source.at, &body)), None)
    }

    /// The stage, under a logical id that holds its name where the name is plain text.
    fn stage(&mut self, source: &Source<'_>, deployment_id: &str) -> String {
        let at = source.at;
        let name = source.get("StageName").cloned();
        let plain = name.as_ref().and_then(Node::as_text).unwrap_or_default();
        let stage_id = format!("{}{}Stage", source.id, alphanumeric(plain));
        let stage = source.map([
            ("RestApiId", Some(Node::reference(at, source.id))),
            ("DeploymentId", Some(Node::reference(at, deployment_id))),
            ("StageName", name),
            source.copy("Variables"),
            source.copy("TracingEnabled"),
            source.copy("MethodSettings"),
            source.copy("AccessLogSetting"),
            source.copy("CacheClusterEnabled"),
            source.copy("CacheClusterSize"),
            source.copy("CanarySetting"),
            ("Tags", source.tags(None)),
        ]);
        self.push(source, &stage_id, "AWS::ApiGateway::Stage", stage);
        stage_id
    }

    fn domain(&mut self, source: &Source<'_>, domain: &Node, stage_id: &str) {
        let at = domain.at;
        if domain.as_call().is_some() {
            return self.fail(
                at,
                &source.path("Domain"),
                "SAM takes no intrinsic here; write the domain's resources out",
            );
        }
        let name = domain.get("DomainName").cloned().unwrap_or_else(|| source.text(""));
        let id = format!("ApiGatewayDomainName{}", self.digest(&name));
        let kind = domain.get_text("EndpointConfiguration").unwrap_or("REGIONAL").to_owned();
        if kind != "REGIONAL" && kind != "EDGE" {
            return self.fail(at, &source.path("Domain/EndpointConfiguration"), "must be REGIONAL or EDGE");
        }
        let certificate = if kind == "REGIONAL" { "RegionalCertificateArn" } else { "CertificateArn" };
        let types = Node::map(at, [("Types", Node::list(at, vec![source.text(&kind)]))]);
        let properties = source.map([
            ("DomainName", Some(name.clone())),
            ("EndpointConfiguration", Some(types)),
            (certificate, domain.get("CertificateArn").cloned()),
            ("SecurityPolicy", domain.get("SecurityPolicy").cloned()),
            ("Tags", source.tags(None)),
        ]);
        self.push(source, &id, "AWS::ApiGateway::DomainName", properties);
        self.names.insert(format!("{}.DomainName", source.id), id.clone());
        self.mappings(source, domain, &id, stage_id);
        if let Some(route) = domain.get("Route53") {
            self.records(source, route, &name, &id, kind == "REGIONAL");
        }
    }

    fn mappings(&mut self, source: &Source<'_>, domain: &Node, domain_id: &str, stage_id: &str) {
        let at = domain.at;
        let paths: Vec<Option<String>> = match domain.get("BasePath").and_then(Node::as_list) {
            Some(paths) => paths.iter().map(|path| path.as_text().map(str::to_owned)).collect(),
            None => vec![None],
        };
        for path in paths {
            let path = path.map(|path| path.trim_matches('/').to_owned()).filter(|path| !path.is_empty());
            let plain = alphanumeric(path.as_deref().unwrap_or_default());
            let properties = source.map([
                ("DomainName", Some(Node::reference(at, domain_id))),
                ("RestApiId", Some(Node::reference(at, source.id))),
                ("Stage", Some(Node::reference(at, stage_id))),
                ("BasePath", path.map(|path| source.text(path))),
            ]);
            let id = format!("{}{plain}BasePathMapping", source.id);
            self.push(source, id, "AWS::ApiGateway::BasePathMapping", properties);
        }
    }

    /// Alias records of the domain, in a group named after their zone.
    fn records(&mut self, source: &Source<'_>, route: &Node, name: &Node, domain_id: &str, regional: bool) {
        let at = route.at;
        let (zone, zone_name) = (route.get("HostedZoneId"), route.get("HostedZoneName"));
        let Some(of) = zone.or(zone_name) else {
            return self.fail(at, &source.path("Domain/Route53"), "needs a HostedZoneId or a HostedZoneName");
        };
        let attribute = |of: &str| {
            Node::get_att(at, domain_id, &format!("{}{of}", if regional { "Regional" } else { "Distribution" }))
        };
        let target = source.map([
            ("HostedZoneId", Some(attribute("HostedZoneId"))),
            ("DNSName", Some(route.get("DistributionDomainName").cloned().unwrap_or_else(|| attribute("DomainName")))),
            ("EvaluateTargetHealth", route.get("EvaluateTargetHealth").cloned()),
        ]);
        let record = |kind: &str| {
            source.map([
                ("Name", Some(name.clone())),
                ("Type", Some(source.text(kind))),
                ("AliasTarget", Some(target.clone())),
                ("SetIdentifier", route.get("SetIdentifier").cloned()),
                ("Region", route.get("Region").cloned()),
            ])
        };
        let mut records = vec![record("A")];
        if route.get("IpV6").and_then(Node::as_bool) == Some(true) {
            records.push(record("AAAA"));
        }
        let properties = source.map([
            ("HostedZoneId", zone.cloned()),
            ("HostedZoneName", zone_name.cloned().filter(|_| zone.is_none())),
            ("RecordSets", Some(Node::list(at, records))),
        ]);
        let id = format!("RecordSetGroup{}", self.digest(of));
        // Several APIs may share a zone, and so the group: its records are joined.
        if let Some(group) = self.out.iter_mut().find(|entry| entry.key == id) {
            let mut more = properties;
            let joined = group.value.take("Properties").map(|mut old| {
                if let (Some(mut sets), Some(new)) = (old.take("RecordSets"), more.take("RecordSets")) {
                    if let (Data::List(sets), Data::List(new)) = (&mut sets.data, new.data) {
                        sets.extend(new);
                    }
                    old.set("RecordSets", sets);
                }
                old
            });
            if let Some(joined) = joined {
                group.value.set("Properties", joined);
            }
            return;
        }
        self.push(source, id, "AWS::Route53::RecordSetGroup", properties);
    }
}
