//! `AWS::Serverless::Function`: the function, its role, its version and alias, and what its events need.

use super::specs::{API_EVENT, SNS_EVENT};
use super::{IMPLICIT_API, Route, Sam, Source, alphanumeric};
use crate::formation::template::{Entry, Node, did_you_mean};

const BASIC_EXECUTION: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
const VPC_ACCESS: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole";
const XRAY_WRITE: &str = "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess";

impl Sam<'_> {
    pub(super) fn function(&mut self, source: &Source<'_>) {
        let Some(code) = self.code(source) else { return };
        let role = match source.get("Role") {
            Some(role) => role.clone(),
            None => {
                self.role(source);
                Node::get_att(source.at, format!("{}Role", source.id), "Arn")
            }
        };
        let tracing = source.get("Tracing").map(|mode| Node::map(mode.at, [("Mode", mode.clone())]));
        let dead_letters = source.get("DeadLetterQueue").and_then(|queue| queue.get("TargetArn")).cloned();
        let dead_letters = dead_letters.map(|arn| Node::map(source.at, [("TargetArn", arn)]));
        let properties = source.map([
            ("Code", Some(code.clone())),
            ("Role", Some(role)),
            ("Tags", source.tags(Some("lambda:createdBy"))),
            ("TracingConfig", tracing),
            ("DeadLetterConfig", dead_letters),
            source.copy("Architectures"),
            source.copy("Description"),
            source.copy("Environment"),
            source.copy("EphemeralStorage"),
            source.copy("FunctionName"),
            source.copy("Handler"),
            source.copy("ImageConfig"),
            source.copy("KmsKeyArn"),
            source.copy("Layers"),
            source.copy("LoggingConfig"),
            source.copy("MemorySize"),
            source.copy("PackageType"),
            source.copy("RecursiveLoop"),
            source.copy("ReservedConcurrentExecutions"),
            source.copy("Runtime"),
            source.copy("RuntimeManagementConfig"),
            source.copy("SnapStart"),
            source.copy("Timeout"),
            source.copy("VpcConfig"),
        ]);
        self.push(source, source.id, "AWS::Lambda::Function", properties.clone());
        self.publish(source, &code, &properties);
        for event in source.get("Events").and_then(Node::as_map).unwrap_or_default() {
            self.event(source, event);
        }
    }

    /// The `Code` of the function: a package in S3, source in the template, or an image.
    fn code(&mut self, source: &Source<'_>) -> Option<Node> {
        if let Some(inline) = source.get("InlineCode") {
            return Some(Node::map(inline.at, [("ZipFile", inline.clone())]));
        }
        if let Some(image) = source.get("ImageUri") {
            return Some(Node::map(image.at, [("ImageUri", image.clone())]));
        }
        let path = source.path("CodeUri");
        let Some(uri) = source.get("CodeUri") else {
            self.fail(source.at, &path, "a function needs a CodeUri, or InlineCode");
            return None;
        };
        self.location(uri, &path, ["S3Bucket", "S3Key", "S3ObjectVersion"])
    }

    /// An S3 location, written as a URI or as a map, with the names it is to have.
    pub(super) fn location(&mut self, uri: &Node, path: &str, names: [&'static str; 3]) -> Option<Node> {
        let at = uri.at;
        if uri.as_call().is_none() && uri.as_map().is_some() {
            let (bucket, key) = (uri.get("Bucket"), uri.get("Key"));
            let (Some(bucket), Some(key)) = (bucket, key) else {
                self.fail(at, path, "must be s3://bucket/key, or a map of Bucket, Key and Version");
                return None;
            };
            let version = uri.get("Version").map(|version| (names[2], version.clone()));
            return Some(Node::map(
                at,
                [(names[0], bucket.clone()), (names[1], key.clone())].into_iter().chain(version),
            ));
        }
        let written = self.early_text(uri);
        let object =
            written.as_deref().and_then(|written| written.strip_prefix("s3://")).and_then(|rest| rest.split_once('/'));
        let Some((bucket, key)) = object else {
            let shown = uri.as_text().unwrap_or("this value");
            self.fail(at, path, format!("{shown:?} is not s3://bucket/key; package the template first"));
            return None;
        };
        let (key, version) = match key.split_once("?versionId=") {
            Some((key, version)) => (key, Some((names[2], Node::text(at, version)))),
            None => (key, None),
        };
        let both = [(names[0], Node::text(at, bucket)), (names[1], Node::text(at, key))];
        Some(Node::map(at, both.into_iter().chain(version)))
    }

    fn role(&mut self, source: &Source<'_>) {
        let at = source.at;
        let mut policies = self.policies(source);
        let mut managed = vec![source.text(BASIC_EXECUTION)];
        if source.properties.get_text("Tracing").is_some_and(|mode| mode != "Disabled") {
            managed.push(source.text(XRAY_WRITE));
        }
        if source.get("VpcConfig").is_some() {
            managed.push(source.text(VPC_ACCESS));
        }
        managed.append(&mut policies.managed);
        let trust = source.get("AssumeRolePolicyDocument").cloned().unwrap_or_else(|| {
            let service = serde_json::json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Action": ["sts:AssumeRole"],
                    "Principal": {"Service": ["lambda.amazonaws.com"]},
                }],
            });
            Node::from_json(at, &service)
        });
        let properties = source.map([
            ("AssumeRolePolicyDocument", Some(trust)),
            ("ManagedPolicyArns", Some(Node::list(at, managed))),
            ("Policies", (!policies.inline.is_empty()).then(|| Node::list(at, policies.inline))),
            ("Path", source.get("RolePath").cloned()),
            source.copy("PermissionsBoundary"),
            ("Tags", source.tags(Some("lambda:createdBy"))),
        ]);
        self.push(source, format!("{}Role", source.id), "AWS::IAM::Role", properties);
    }

    /// The version and alias of `AutoPublishAlias`: a new version for new code only, kept when it is superseded.
    fn publish(&mut self, source: &Source<'_>, code: &Node, properties: &Node) {
        let Some(alias) = source.get("AutoPublishAlias") else { return };
        let Some(name) = self.early_text(alias) else {
            return self.fail(alias.at, &source.path("AutoPublishAlias"), "must be text or a Ref of a parameter");
        };
        let digest = match source.get("AutoPublishCodeSha256") {
            Some(sha) => {
                let sha = self.early_text(sha).unwrap_or_default();
                sha.chars().filter(char::is_ascii_alphanumeric).take(10).collect()
            }
            None if source.get("AutoPublishAliasAllProperties").and_then(Node::as_bool) == Some(true) => {
                self.digest(properties)
            }
            None => self.digest(code),
        };
        let (at, function) = (source.at, Node::reference(source.at, source.id));
        let (version_id, alias_id) = (format!("{}Version{digest}", source.id), alias_id(source.id, &name));
        let version = source.map([
            ("FunctionName", Some(function.clone())),
            ("Description", source.get("VersionDescription").cloned()),
        ]);
        self.push_with(source, &version_id, "AWS::Lambda::Version", version, Some("Retain"));
        let alias = source.map([
            ("Name", Some(source.text(name))),
            ("FunctionName", Some(function)),
            ("FunctionVersion", Some(Node::get_att(at, &version_id, "Version"))),
            source.copy("ProvisionedConcurrencyConfig"),
        ]);
        self.push(source, &alias_id, "AWS::Lambda::Alias", alias);
        self.names.insert(format!("{}.Version", source.id), version_id);
        self.names.insert(format!("{}.Alias", source.id), alias_id);
    }

    /// The alias events go to, if the function publishes one.
    fn alias(&self, source: &Source<'_>) -> Option<String> {
        Some(alias_id(source.id, &self.early_text(source.get("AutoPublishAlias")?)?))
    }

    /// Notes which operations of which APIs the function's events ask for.
    pub(super) fn collect_routes(&mut self, source: &Source<'_>) {
        let target = match self.alias(source) {
            Some(alias) => alias,
            None => format!("{}.Arn", source.id),
        };
        for event in source.get("Events").and_then(Node::as_map).unwrap_or_default() {
            let Some(properties) = event.value.get("Properties") else { continue };
            let (path, method) = (properties.get_text("Path"), properties.get_text("Method"));
            let (Some("Api"), Some(path), Some(method)) = (event.value.get_text("Type"), path, method) else {
                continue;
            };
            let method = match method.to_ascii_lowercase().as_str() {
                "any" => "x-amazon-apigateway-any-method".to_owned(),
                method => method.to_owned(),
            };
            let route = Route { path: path.to_owned(), method, target: target.clone() };
            self.routes.entry(api_of(properties)).or_default().push(route);
        }
    }

    fn event(&mut self, source: &Source<'_>, event: &Entry) {
        let path = source.path(&format!("Events/{}", event.key));
        let none = Node::map(event.key_at, Vec::<(String, Node)>::new());
        let properties = event.value.get("Properties").unwrap_or(&none);
        let known = match event.value.get_text("Type") {
            Some("Api") => API_EVENT,
            Some("SNS") => SNS_EVENT,
            Some(kind) => {
                let why = format!("the twin's SAM models events of type Api and SNS, not {kind}; see docs/fidelity.md");
                return self.fail(event.key_at, &path, why);
            }
            None => return self.fail(event.key_at, &path, "an event must have a Type"),
        };
        for entry in properties.as_map().unwrap_or_default() {
            if !known.contains(&entry.key.as_str()) {
                let near = did_you_mean(&entry.key, known.iter().copied());
                let why = format!("unknown property of this event{near}");
                self.fail(entry.key_at, &format!("{path}/Properties/{}", entry.key), why);
            }
        }
        if known == API_EVENT {
            self.api_event(source, event, properties, &path);
        } else {
            self.sns_event(source, event, properties, &path);
        }
    }

    /// API Gateway's permission to invoke the function for one operation.
    fn api_event(&mut self, source: &Source<'_>, event: &Entry, properties: &Node, path: &str) {
        let at = event.key_at;
        let (Some(route), Some(method)) = (properties.get_text("Path"), properties.get_text("Method")) else {
            return self.fail(at, path, "an event of type Api needs Path and Method");
        };
        let api = properties.get("RestApiId").cloned().unwrap_or_else(|| Node::reference(at, IMPLICIT_API));
        let method = if method.eq_ignore_ascii_case("any") { "*".to_owned() } else { method.to_uppercase() };
        let arn = format!(
            "arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{__ApiId__}}/${{__Stage__}}/{method}{}",
            wildcards(route)
        );
        let variables = Node::map(at, [("__ApiId__", api), ("__Stage__", Node::text(at, "*"))]);
        let arn = Node::call(at, "Fn::Sub", Node::list(at, vec![Node::text(at, arn), variables]));
        let stage = self.stages.get(&api_of(properties)).map_or("Stage", String::as_str);
        let id = format!("{}{}Permission{stage}", source.id, event.key);
        self.permission(source, id, "apigateway.amazonaws.com", arn);
    }

    fn sns_event(&mut self, source: &Source<'_>, event: &Entry, properties: &Node, path: &str) {
        let Some(topic) = properties.get("Topic") else {
            return self.fail(event.key_at, path, "an event of type SNS needs a Topic");
        };
        let endpoint = match self.alias(source) {
            Some(alias) => Node::reference(source.at, alias),
            None => Node::get_att(source.at, source.id, "Arn"),
        };
        let subscription = source.map([
            ("TopicArn", Some(topic.clone())),
            ("Protocol", Some(source.text("lambda"))),
            ("Endpoint", Some(endpoint)),
            ("Region", properties.get("Region").cloned()),
            ("FilterPolicy", properties.get("FilterPolicy").cloned()),
            ("FilterPolicyScope", properties.get("FilterPolicyScope").cloned()),
            ("RedrivePolicy", properties.get("RedrivePolicy").cloned()),
        ]);
        let id = format!("{}{}", source.id, event.key);
        self.permission(source, format!("{id}Permission"), "sns.amazonaws.com", topic.clone());
        self.push(source, id, "AWS::SNS::Subscription", subscription);
    }

    fn permission(&mut self, source: &Source<'_>, id: String, principal: &str, arn: Node) {
        let function = Node::reference(source.at, self.alias(source).unwrap_or_else(|| source.id.to_owned()));
        let properties = source.map([
            ("Action", Some(source.text("lambda:InvokeFunction"))),
            ("FunctionName", Some(function)),
            ("Principal", Some(source.text(principal))),
            ("SourceArn", Some(arn)),
        ]);
        self.push(source, id, "AWS::Lambda::Permission", properties);
    }
}

fn alias_id(function: &str, alias: &str) -> String {
    format!("{function}Alias{}", alphanumeric(alias))
}

/// The logical id of the API an event is for, where it names one of this template.
fn api_of(properties: &Node) -> String {
    match properties.get("RestApiId") {
        None => IMPLICIT_API.to_owned(),
        Some(api) => match api.as_call() {
            Some(("Ref", name)) => name.as_text().unwrap_or_default().to_owned(),
            _ => api.as_text().unwrap_or_default().to_owned(),
        },
    }
}

/// A path with its parameters as the wildcards of an ARN: `/orders/{id}` is `/orders/*`.
fn wildcards(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { "*" } else { part });
    parts.collect::<Vec<_>>().join("/")
}
