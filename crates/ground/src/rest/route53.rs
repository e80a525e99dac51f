//! Route 53: method and path name the operation.

/// The operation a request names, and the id in its path.
#[derive(Debug, PartialEq, Eq)]
pub struct Route<'a> {
    pub operation: &'static str,
    pub id: &'a str,
    /// The type in the path of a tags request.
    pub kind: &'a str,
}

/// The route of a request, where it is one of Route 53's.
pub fn route<'a>(method: &str, path: &'a str) -> Option<Route<'a>> {
    let path = path.strip_prefix("/2013-04-01/")?;
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (operation, id, kind) = match (method, parts.as_slice()) {
        ("POST", ["hostedzone"]) => ("CreateHostedZone", "", ""),
        ("GET", ["hostedzone"]) => ("ListHostedZones", "", ""),
        ("GET", ["hostedzonesbyname"]) => ("ListHostedZonesByName", "", ""),
        ("GET", ["hostedzonecount"]) => ("GetHostedZoneCount", "", ""),
        ("GET", ["hostedzone", id]) => ("GetHostedZone", *id, ""),
        ("DELETE", ["hostedzone", id]) => ("DeleteHostedZone", *id, ""),
        ("POST", ["hostedzone", id]) => ("UpdateHostedZoneComment", *id, ""),
        ("POST", ["hostedzone", id, "rrset"]) => ("ChangeResourceRecordSets", *id, ""),
        ("GET", ["hostedzone", id, "rrset"]) => ("ListResourceRecordSets", *id, ""),
        ("GET", ["change", id]) => ("GetChange", *id, ""),
        ("GET", ["testdnsanswer"]) => ("TestDNSAnswer", "", ""),
        ("POST", ["healthcheck"]) => ("CreateHealthCheck", "", ""),
        ("GET", ["healthcheck"]) => ("ListHealthChecks", "", ""),
        ("GET", ["healthcheckcount"]) => ("GetHealthCheckCount", "", ""),
        ("GET", ["healthcheck", id]) => ("GetHealthCheck", *id, ""),
        ("POST", ["healthcheck", id]) => ("UpdateHealthCheck", *id, ""),
        ("DELETE", ["healthcheck", id]) => ("DeleteHealthCheck", *id, ""),
        ("GET", ["healthcheck", id, "status"]) => ("GetHealthCheckStatus", *id, ""),
        ("GET", ["healthcheck", id, "lastfailurereason"]) => ("GetHealthCheckLastFailureReason", *id, ""),
        ("POST", ["tags", kind, id]) => ("ChangeTagsForResource", *id, *kind),
        ("GET", ["tags", kind, id]) => ("ListTagsForResource", *id, *kind),
        _ => return None,
    };
    Some(Route { operation, id, kind })
}
