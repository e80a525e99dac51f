//! The stack under test, as text: what every template must hold.

use std::path::Path;

/// Resource types that take tags, as the template reference has them.
const TAGGABLE: &[&str] = &[
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::IAM::Role",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::SecretsManager::Secret",
    "AWS::Route53::HostedZone",
    "AWS::Route53::HealthCheck",
    "AWS::Serverless::Function",
    "AWS::Serverless::Api",
    "AWS::CertificateManager::Certificate",
    "AWS::ApiGateway::DomainName",
    "AWS::SNS::Topic",
    "AWS::CloudWatch::Alarm",
    "AWS::Logs::LogGroup",
];
const UNTAGGABLE: &[&str] = &[
    "AWS::KMS::Alias",
    "AWS::IAM::Policy",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::ApiGateway::BasePathMapping",
    "AWS::SNS::TopicPolicy",
    "AWS::SecretsManager::RotationSchedule",
    "AWS::Route53::RecordSet",
];

/// Every resource of a template: its name, its type and its text.
fn resources(template: &str) -> Vec<(String, String, String)> {
    let section: Vec<&str> = template.lines().skip_while(|line| *line != "Resources:").skip(1).collect();
    let end = section.iter().position(|line| !line.is_empty() && !line.starts_with(' ')).unwrap_or(section.len());
    let mut found: Vec<(String, String, String)> = Vec::new();
    for line in &section[..end] {
        let head = line.strip_prefix("  ").filter(|rest| !rest.starts_with([' ', '#']) && rest.ends_with(':'));
        match (head, found.last_mut()) {
            (Some(name), _) => found.push((name.trim_end_matches(':').to_owned(), String::new(), String::new())),
            (None, Some((_, kind, text))) => {
                if let Some(named) = line.strip_prefix("    Type: ") {
                    named.clone_into(kind);
                }
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

#[test]
fn every_taggable_resource_carries_project_and_environment() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack");
    let mut seen = 0;
    for name in ["storage", "data", "rotation", "zone", "region", "routing", "guard"] {
        let template = std::fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
        let globals = template.split("\nResources:").next().unwrap().split("\nGlobals:").nth(1).unwrap_or_default();
        for (resource, kind, text) in resources(&template) {
            if UNTAGGABLE.contains(&kind.as_str()) {
                continue;
            }
            assert!(TAGGABLE.contains(&kind.as_str()), "{name}.yaml: {resource} is of type {kind:?}: taggable or not?");
            let inherited = if kind == "AWS::Serverless::Function" { globals } else { "" };
            for tag in ["Project", "Environment"] {
                let forms = [format!("Key: {tag}, Value: !Ref {tag}"), format!("{tag}: !Ref {tag}")];
                let tagged = forms.iter().any(|form| text.contains(form) || inherited.contains(form));
                assert!(tagged, "{name}.yaml: {resource} ({kind}) has no tag {tag}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 21, "only {seen} taggable resources");
}
