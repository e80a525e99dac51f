//! The operations, in JSON 1.1.

use serde_json::{Value, json};

use crate::gateway::Call;
use crate::wire::{AwsError, Request, Response, json as wire};

use super::Acm;
use super::certificate::{Certificate, Status};

pub fn handle(acm: &Acm, call: &Call, request: &Request) -> Result<Response, AwsError> {
    let body = wire::body(request)?;
    let operation = wire::operation(request);
    let arn = text(&body, "CertificateArn");
    let resource = if arn.is_empty() { "*" } else { arn };
    let answer = match operation {
        "RequestCertificate"
        | "DescribeCertificate"
        | "ListCertificates"
        | "DeleteCertificate"
        | "ListTagsForCertificate" => {
            call.authorize(&format!("acm:{operation}"), resource)?;
            match operation {
                "RequestCertificate" => request_certificate(acm, call, &body)?,
                "DescribeCertificate" => json!({ "Certificate": describe(&find(acm, call, arn)?) }),
                "ListCertificates" => list(acm, call, &body),
                "ListTagsForCertificate" => json!({ "Tags": tags(&find(acm, call, arn)?) }),
                _ => {
                    find(acm, call, arn)?;
                    acm.delete(call.region, arn);
                    json!({})
                }
            }
        }
        _ => return Err(AwsError::not_implemented("acm", operation)),
    };
    wire::ok("1.1", &call.request_id, &answer)
}

impl Acm {
    pub fn delete(&self, region: crate::region::Region, arn: &str) {
        if let Some(certificates) = self.lock().get_mut(&region) {
            certificates.remove(arn);
        }
    }
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn find(acm: &Acm, call: &Call, arn: &str) -> Result<Certificate, AwsError> {
    acm.certificate(call.region, arn).ok_or_else(|| {
        let message = format!("Could not find certificate {arn} in account {}, {}.", call.cloud.account, call.region);
        AwsError::bad_request("ResourceNotFoundException", message)
    })
}

fn request_certificate(acm: &Acm, call: &Call, body: &Value) -> Result<Value, AwsError> {
    if text(body, "ValidationMethod") != "DNS" {
        let message = "the embedded twin validates by DNS only: give ValidationMethod DNS; see docs/fidelity.md";
        return Err(AwsError::validation(message));
    }
    let name = text(body, "DomainName");
    if name.is_empty() {
        return Err(AwsError::validation(
            "Value null at 'domainName' failed to satisfy constraint: it must not be null",
        ));
    }
    let token = body.get("IdempotencyToken").and_then(Value::as_str);
    if let Some(token) = token {
        let all = acm.lock();
        let mut made = all.get(&call.region).into_iter().flatten().map(|(_, made)| made);
        if let Some(made) = made.find(|made| made.idempotency_token.as_deref() == Some(token)) {
            return Ok(json!({ "CertificateArn": made.arn }));
        }
    }
    let others = body.get("SubjectAlternativeNames").and_then(Value::as_array).into_iter().flatten();
    let names = std::iter::once(name).chain(others.filter_map(Value::as_str)).map(str::to_owned).collect();
    let made = acm.request(&call.cloud, call.region, names);
    let tags = body.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let tags = tags.map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect();
    acm.change(call.region, &made.arn, |certificate| {
        certificate.tags = tags;
        certificate.idempotency_token = token.map(str::to_owned);
    });
    Ok(json!({ "CertificateArn": made.arn }))
}

fn list(acm: &Acm, call: &Call, body: &Value) -> Value {
    let wanted: Option<Vec<&str>> = body
        .get("CertificateStatuses")
        .and_then(Value::as_array)
        .map(|all| all.iter().filter_map(Value::as_str).collect());
    let all = acm.lock();
    let fits = |made: &&Certificate| wanted.as_ref().is_none_or(|wanted| wanted.contains(&made.status.as_str()));
    let summary = |made: &Certificate| {
        let name = made.names.first().map(|name| name.name.as_str()).unwrap_or_default();
        json!({ "CertificateArn": made.arn, "DomainName": name, "Status": made.status.as_str() })
    };
    let certificates = all.get(&call.region).into_iter().flatten().map(|(_, made)| made);
    json!({ "CertificateSummaryList": certificates.filter(fits).map(summary).collect::<Vec<_>>() })
}

fn tags(made: &Certificate) -> Vec<Value> {
    made.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

fn describe(made: &Certificate) -> Value {
    let validation = match made.status {
        Status::Issued => "SUCCESS",
        Status::Pending => "PENDING_VALIDATION",
        Status::TimedOut => "FAILED",
    };
    let option = |name: &super::certificate::Name| {
        json!({
            "DomainName": name.name,
            "ValidationDomain": name.name,
            "ValidationMethod": "DNS",
            "ValidationStatus": validation,
            "ResourceRecord": {
                "Name": format!("{}.", name.record_name), "Type": "CNAME", "Value": format!("{}.", name.record_value),
            },
        })
    };
    let names: Vec<&str> = made.names.iter().map(|name| name.name.as_str()).collect();
    let mut out = json!({
        "CertificateArn": made.arn,
        "DomainName": names.first(),
        "SubjectAlternativeNames": names,
        "Status": made.status.as_str(),
        "Type": "AMAZON_ISSUED",
        "CreatedAt": made.created_at.seconds(),
        "DomainValidationOptions": made.names.iter().map(option).collect::<Vec<_>>(),
    });
    if let (Some(issued_at), Some(out)) = (made.issued_at, out.as_object_mut()) {
        out.insert("IssuedAt".to_owned(), issued_at.seconds().into());
    }
    out
}
