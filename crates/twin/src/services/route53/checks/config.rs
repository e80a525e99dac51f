//! A health check's settings: as written in XML or in a template, and checked into what the checkers do.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;

use crate::region::Region;
use crate::services::cloudwatch::AlarmStream;
use crate::services::route53::shape::{integer, missing};
use crate::wire::AwsError;
use crate::wire::xml::Element;
use crate::world::health::{Check, Endpoint, Insufficient, Kind, is_place, place_names};

/// API reference, HealthCheckConfig: lengths and defaults.
const TEXT_MAX: usize = 255;
const CHILDREN_MAX: usize = 255;
const REGIONS_MIN: usize = 3;
const LAST_KNOWN: &str = "LastKnownStatus";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    pub kind: String,
    ip_address: Option<String>,
    port: Option<i64>,
    resource_path: Option<String>,
    name: Option<String>,
    search_string: Option<String>,
    request_interval: Option<i64>,
    failure_threshold: Option<i64>,
    measure_latency: bool,
    inverted: bool,
    disabled: bool,
    health_threshold: Option<i64>,
    children: Vec<String>,
    enable_sni: Option<bool>,
    regions: Vec<String>,
    /// The alarm's Region and name.
    alarm: Option<(String, String)>,
    insufficient: Option<String>,
}

/// What a check may refer to.
pub struct Known<'a> {
    /// Knows the ids of health checks.
    pub exists: &'a dyn Fn(&str) -> bool,
    /// The data stream of an alarm, by Region and name.
    pub stream: &'a dyn Fn(Region, &str) -> Option<AlarmStream>,
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad_request("InvalidInput", message)
}

impl Config {
    pub fn read(xml: &Element) -> Result<Self, AwsError> {
        let mut config =
            Self { kind: xml.get_text("Type").ok_or_else(|| missing("type"))?.to_owned(), ..Self::default() };
        config.request_interval = xml.get_text("RequestInterval").map(|t| integer("RequestInterval", t)).transpose()?;
        config.measure_latency = xml.get_text("MeasureLatency") == Some("true");
        config.merge(xml)?;
        Ok(config)
    }

    /// What an UpdateHealthCheck body changes: the members it has, and those it resets.
    pub fn apply(&mut self, body: &Element) -> Result<(), AwsError> {
        for reset in body.get("ResetElements").into_iter().flat_map(|list| list.all("ResettableElementName")) {
            match reset.text.as_str() {
                "FullyQualifiedDomainName" => self.name = None,
                "ResourcePath" => self.resource_path = None,
                "Regions" => self.regions.clear(),
                "ChildHealthChecks" => self.children.clear(),
                other => return Err(invalid(format!("{other:?} is no element that can be reset"))),
            }
        }
        self.merge(body)
    }

    fn merge(&mut self, xml: &Element) -> Result<(), AwsError> {
        let text = |name: &str| xml.get_text(name).map(str::to_owned);
        let number = |name: &str| xml.get_text(name).map(|text| integer(name, text)).transpose();
        let flag = |name: &str| xml.get_text(name).map(|text| text == "true");
        let list = |name: &str, entry: &str| -> Option<Vec<String>> {
            xml.get(name).map(|list| list.all(entry).map(|entry| entry.text.clone()).collect())
        };
        self.ip_address = text("IPAddress").or(self.ip_address.take());
        self.port = number("Port")?.or(self.port);
        self.resource_path = text("ResourcePath").or(self.resource_path.take());
        self.name = text("FullyQualifiedDomainName").or(self.name.take());
        self.search_string = text("SearchString").or(self.search_string.take());
        self.failure_threshold = number("FailureThreshold")?.or(self.failure_threshold);
        self.inverted = flag("Inverted").unwrap_or(self.inverted);
        self.disabled = flag("Disabled").unwrap_or(self.disabled);
        self.health_threshold = number("HealthThreshold")?.or(self.health_threshold);
        self.enable_sni = flag("EnableSNI").or(self.enable_sni);
        self.insufficient = text("InsufficientDataHealthStatus").or(self.insufficient.take());
        if let Some(alarm) = xml.get("AlarmIdentifier") {
            let part = |name: &str| alarm.get_text(name).map(str::to_owned).ok_or_else(|| missing(name));
            self.alarm = Some((part("Region")?, part("Name")?));
        }
        if let Some(children) = list("ChildHealthChecks", "ChildHealthCheck") {
            self.children = children;
        }
        if let Some(regions) = list("Regions", "Region") {
            self.regions = regions;
        }
        Ok(())
    }

    /// The `HealthCheckConfig` of a template.
    pub fn from_template(properties: &Value) -> Self {
        let text = |name: &str| properties.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| properties.get(name).and_then(Value::as_i64);
        let flag = |name: &str| properties.get(name).and_then(Value::as_bool);
        let list = |name: &str| -> Vec<String> {
            let entries = properties.get(name).and_then(Value::as_array);
            entries.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            kind: text("Type").unwrap_or_default(),
            ip_address: text("IPAddress"),
            port: number("Port"),
            resource_path: text("ResourcePath"),
            name: text("FullyQualifiedDomainName"),
            search_string: text("SearchString"),
            request_interval: number("RequestInterval"),
            failure_threshold: number("FailureThreshold"),
            measure_latency: flag("MeasureLatency").unwrap_or(false),
            inverted: flag("Inverted").unwrap_or(false),
            disabled: flag("Disabled").unwrap_or(false),
            health_threshold: number("HealthThreshold"),
            children: list("ChildHealthChecks"),
            enable_sni: flag("EnableSNI"),
            regions: list("Regions"),
            alarm: properties.get("AlarmIdentifier").map(|alarm| {
                let part = |name: &str| alarm.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                (part("Region"), part("Name"))
            }),
            insufficient: text("InsufficientDataHealthStatus"),
        }
    }

    pub fn write(&self) -> Element {
        let number = |number: Option<i64>| number.map(|number| number.to_string());
        let is_endpoint = !matches!(self.kind.as_str(), "CALCULATED" | "CLOUDWATCH_METRIC");
        let mut out = Element::new("HealthCheckConfig")
            .optional_child("IPAddress", self.ip_address.as_deref())
            .optional_child("Port", number(self.port.or_else(|| default_port(&self.kind))))
            .text_child("Type", &self.kind)
            .optional_child("ResourcePath", self.resource_path.as_deref())
            .optional_child("FullyQualifiedDomainName", self.name.as_deref())
            .optional_child("SearchString", self.search_string.as_deref());
        if is_endpoint {
            out = out
                .text_child("RequestInterval", self.request_interval.unwrap_or(30).to_string())
                .text_child("FailureThreshold", self.failure_threshold.unwrap_or(3).to_string())
                .text_child("MeasureLatency", self.measure_latency.to_string())
                .text_child("EnableSNI", self.enable_sni.unwrap_or(self.kind.starts_with("HTTPS")).to_string());
        }
        out = out
            .text_child("Inverted", self.inverted.to_string())
            .text_child("Disabled", self.disabled.to_string())
            .optional_child("HealthThreshold", number(self.health_threshold));
        let list = |name: &str, entry: &str, texts: &[String]| {
            texts.iter().map(|text| Element::new(entry).text(text)).fold(Element::new(name), Element::child)
        };
        if !self.children.is_empty() {
            out = out.child(list("ChildHealthChecks", "ChildHealthCheck", &self.children));
        }
        if let Some((region, name)) = &self.alarm {
            let alarm = Element::new("AlarmIdentifier").text_child("Region", region).text_child("Name", name);
            let insufficient = self.insufficient.as_deref().unwrap_or(LAST_KNOWN);
            out = out.child(alarm).text_child("InsufficientDataHealthStatus", insufficient);
        }
        if !self.regions.is_empty() {
            out = out.child(list("Regions", "Region", &self.regions));
        }
        out
    }

    /// What the checkers are to do.
    pub fn check(&self, known: &Known<'_>) -> Result<Check, AwsError> {
        let interval = match self.request_interval.unwrap_or(30) {
            seconds @ (10 | 30) => Duration::from_secs(seconds.unsigned_abs()),
            other => return Err(invalid(format!("RequestInterval {other} is neither 10 nor 30"))),
        };
        let threshold = self.failure_threshold.unwrap_or(3);
        let threshold = u32::try_from(threshold).ok().filter(|threshold| (1..=10).contains(threshold));
        let threshold = threshold.ok_or_else(|| invalid("FailureThreshold must be between 1 and 10"))?;
        Ok(Check {
            kind: self.kind(known)?,
            interval,
            threshold,
            inverted: self.inverted,
            disabled: self.disabled,
            regions: self.regions()?,
        })
    }

    fn kind(&self, known: &Known<'_>) -> Result<Kind, AwsError> {
        if self.kind != "CLOUDWATCH_METRIC" && (self.alarm.is_some() || self.insufficient.is_some()) {
            let kind = &self.kind;
            return Err(invalid(format!("AlarmIdentifier and InsufficientDataHealthStatus are not for type {kind}")));
        }
        let searches = self.kind.ends_with("_STR_MATCH");
        match (searches, self.search_string.as_deref().map(str::len)) {
            (true, None | Some(0)) => {
                return Err(invalid(format!("a health check of type {} needs SearchString", self.kind)));
            }
            (true, Some(length)) if length > TEXT_MAX => {
                return Err(invalid("SearchString is longer than 255 characters"));
            }
            (false, Some(1..)) => return Err(invalid(format!("SearchString is not for type {}", self.kind))),
            _ => {}
        }
        match self.kind.as_str() {
            "HTTP" | "HTTP_STR_MATCH" => self.endpoint().map(Kind::Http),
            "HTTPS" | "HTTPS_STR_MATCH" => self.endpoint().map(Kind::Https),
            "TCP" => self.endpoint().map(Kind::Tcp),
            "CALCULATED" => self.calculated(known.exists),
            "CLOUDWATCH_METRIC" => self.metric(known.stream),
            "RECOVERY_CONTROL" => Err(invalid(format!(
                "the embedded twin does not model health checks of type {}; use an endpoint check, CALCULATED or \
                 CLOUDWATCH_METRIC; see docs/fidelity.md",
                self.kind
            ))),
            other => Err(invalid(format!("Value '{other}' at 'healthCheckConfig.type' is no health check type"))),
        }
    }

    fn endpoint(&self) -> Result<Endpoint, AwsError> {
        if self.name.is_none() && self.ip_address.is_none() {
            return Err(invalid("Basic health checks must specify either FullyQualifiedDomainName or IPAddress"));
        }
        let port = self.port.or_else(|| default_port(&self.kind));
        let port = port.ok_or_else(|| invalid(format!("a health check of type {} needs Port", self.kind)))?;
        let port = u16::try_from(port).ok().filter(|port| *port > 0);
        let address = self.ip_address.as_deref().map(str::parse::<Ipv4Addr>).transpose();
        let path = self.resource_path.clone().unwrap_or_default();
        let texts = [&path, self.name.as_ref().unwrap_or(&path)];
        if texts.iter().any(|text| text.len() > TEXT_MAX) {
            return Err(invalid("ResourcePath and FullyQualifiedDomainName have at most 255 characters"));
        }
        Ok(Endpoint {
            name: self.name.as_deref().map(crate::dns::normal),
            address: address
                .map_err(|_| invalid("IPAddress is not an IPv4 address, and the embedded twin has no other"))?,
            port: port.ok_or_else(|| invalid("Port must be between 1 and 65535"))?,
            path: if path.starts_with('/') { path } else { format!("/{path}") },
            search: self.search_string.clone(),
        })
    }

    fn calculated(&self, exists: &dyn Fn(&str) -> bool) -> Result<Kind, AwsError> {
        if self.children.len() > CHILDREN_MAX {
            return Err(invalid(format!("a calculated health check has at most {CHILDREN_MAX} children")));
        }
        if let Some(child) = self.children.iter().find(|child| !exists(child)) {
            return Err(invalid(format!("child health check {child} does not exist")));
        }
        let healthy_min = self.health_threshold.unwrap_or_default();
        let healthy_min =
            usize::try_from(healthy_min).map_err(|_| invalid("HealthThreshold must be between 0 and 256"))?;
        Ok(Kind::Calculated { children: self.children.clone(), healthy_min })
    }

    /// Follows what an alarm watches; the alarm's settings are those of now.
    fn metric(&self, stream: &dyn Fn(Region, &str) -> Option<AlarmStream>) -> Result<Kind, AwsError> {
        let (region, name) = self.alarm.as_ref().ok_or_else(|| missing("alarmIdentifier"))?;
        let place = Region::parse(region).map_err(|error| invalid(error.to_string()))?;
        let stream = stream(place, name)
            .ok_or_else(|| invalid(format!("The CloudWatch alarm {name} does not exist in Region {region}")))?;
        if let Some(problem) = stream.unsupported() {
            return Err(invalid(format!("The CloudWatch alarm {name} cannot be monitored: {problem}")));
        }
        let insufficient = match self.insufficient.as_deref().unwrap_or(LAST_KNOWN) {
            "Healthy" => Insufficient::Healthy,
            "Unhealthy" => Insufficient::Unhealthy,
            LAST_KNOWN => Insufficient::LastKnown,
            other => return Err(invalid(format!("InsufficientDataHealthStatus has no value {other:?}"))),
        };
        Ok(Kind::Metric { stream, insufficient })
    }

    fn regions(&self) -> Result<Vec<Region>, AwsError> {
        if !self.regions.is_empty() && self.regions.len() < REGIONS_MIN {
            return Err(invalid(format!("Regions names {}; at least {REGIONS_MIN} are needed", self.regions.len())));
        }
        let parse = |name: &String| {
            let region = Region::parse(name).ok().filter(|region| is_place(region.as_str()));
            region.ok_or_else(|| invalid(format!("Route 53 has no checkers in {name:?}, only in {:?}", place_names())))
        };
        self.regions.iter().map(parse).collect()
    }
}

/// API reference, HealthCheckConfig Port: what it is where the request names none.
fn default_port(kind: &str) -> Option<i64> {
    match kind {
        "HTTP" | "HTTP_STR_MATCH" => Some(80),
        "HTTPS" | "HTTPS_STR_MATCH" => Some(443),
        _ => None,
    }
}
