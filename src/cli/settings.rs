//! `blackstart.yaml` and what the command line and the environment add to it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use indexmap::IndexMap;

use super::args::{Target, Where};
use crate::region::Region;
use crate::scenario::{Endpoint, Localstack, Plan, SERVICES, SETTINGS_FILE, Settings, check_url};
use crate::target::emulator::Endpoints;
use crate::target::tls;

/// The SDKs' own variable for an endpoint, and how those for a single service begin (AWS SDKs and Tools reference guide,
/// service-specific endpoints).
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// The file of certificates that every AWS SDK and tool trusts (SDKs and Tools reference guide, general configuration).
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// The target of this name.
pub fn target_named(name: &str) -> Option<Target> {
    Target::value_variants().iter().copied().find(|target| target.as_str() == name)
}

/// Puts the target that was asked for, and how it is reached, into a plan. What it cannot be reached with is an error here,
/// before anything is done.
pub fn aim(plan: &mut Plan, at: &Where) -> anyhow::Result<()> {
    let target = &mut plan.target;
    if let Some(asked) = at.target {
        target.name = asked.as_str().to_owned();
    }
    let is_endpoint = target.name == Target::Endpoint.as_str();
    if let Some(url) = at.endpoint_url.as_ref().filter(|_| !is_endpoint) {
        let name = &target.name;
        anyhow::bail!("--endpoint-url {url}: the target {name} takes no URL; --target endpoint does");
    }
    if target.name == Target::Embedded.as_str() {
        return Ok(());
    }
    target.reached.config = file(at.config.as_deref());
    target.settings = read(target.reached.config.as_deref())?;
    if let Some(file) = target.reached.config.as_ref().filter(|_| target.name == Target::Localstack.as_str()) {
        all_set(&target.settings.localstack, variable).with_context(|| file.display().to_string())?;
    }
    if let Some(bundle) = &target.settings.ca_bundle {
        tls::trusting(Some(bundle))?;
    }
    if is_endpoint {
        let endpoint = led(&target.settings.endpoint, &target.regions, at.endpoint_url.as_deref(), variable)?;
        Endpoints::from_settings(&endpoint, &target.regions)?.upstreams(&target.regions)?;
        target.settings.endpoint = endpoint;
        target.reached.endpoint_url.clone_from(&at.endpoint_url);
        if at.endpoint_url.is_none() {
            target.reached.variables = set(variable);
        }
    }
    for (name, value) in &target.settings.parameters {
        target.parameters.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Ok(())
}

/// The file that is read: the one that was named, or blackstart.yaml where it is there.
fn file(named: Option<&Path>) -> Option<PathBuf> {
    let default = || Some(PathBuf::from(SETTINGS_FILE)).filter(|file| file.is_file());
    named.map(Path::to_owned).or_else(default)
}

/// What a file says, and the defaults without one.
pub(super) fn read(file: Option<&Path>) -> anyhow::Result<Settings> {
    let mut settings = file.map_or_else(|| Ok(Settings::default()), from_file)?;
    // What was trusted is in the plan of the run, wherever it was said.
    settings.ca_bundle = settings.ca_bundle.or_else(|| variable(CA_BUNDLE).map(PathBuf::from));
    Ok(settings)
}

fn from_file(path: &Path) -> anyhow::Result<Settings> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Settings::parse_as(path, &text)?)
}

/// Whether each variable that the file passes on is there: a container without one would fail much later, or do less.
fn all_set(localstack: &Localstack, variable: impl Fn(&str) -> Option<String>) -> anyhow::Result<()> {
    let mut written = localstack.pass.iter().flatten();
    let Some(name) = written.find(|name| variable(name).is_none()) else { return Ok(()) };
    let token: Vec<String> = Localstack::default().passed().map(str::to_owned).collect();
    let token = token.join(", ");
    anyhow::bail!(
        "localstack.pass names {name}, which is not set: set it, or take it out of the list; without the key \
         {token} is passed on if it is set, and need not be"
    )
}

/// Where the endpoint is, in the order that [`Endpoint`] gives: `flag` (--endpoint-url) stands for every URL of the file and
/// of the environment; without it `AWS_ENDPOINT_URL_<SERVICE>` leads that service in each of the Regions, and
/// AWS_ENDPOINT_URL stands for the file's `url`. `variable` gives a variable's value, where it is set.
fn led(
    endpoint: &Endpoint,
    regions: &[Region],
    flag: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<Endpoint> {
    let checked = |from: &str, url: String| match check_url(&url) {
        Ok(()) => Ok(url),
        Err(what) => Err(anyhow::anyhow!("{from}: {what}")),
    };
    let set = |name: &str| variable(name).map(|url| checked(name, url)).transpose();
    let mut led = endpoint.clone();
    if let Some(url) = flag {
        led.url = Some(checked("--endpoint-url", url.to_owned())?);
        led.regions.clear();
        return Ok(led);
    }
    if let Some(url) = set(ENDPOINT)? {
        led.url = Some(url);
    }
    for (service, identifier) in SERVICES {
        let Some(url) = set(&format!("{ENDPOINT}_{identifier}"))? else { continue };
        for region in regions {
            led.regions.entry(*region).or_default().services.insert(service.to_owned(), url.clone());
        }
    }
    Ok(led)
}

/// The variables that lead to endpoints and are set, in the order of [`led`].
fn set(variable: impl Fn(&str) -> Option<String>) -> IndexMap<String, String> {
    let services = SERVICES.iter().map(|(_, identifier)| format!("{ENDPOINT}_{identifier}"));
    let names = services.chain([ENDPOINT.to_owned()]);
    names.filter_map(|name| Some((name.clone(), variable(&name)?))).collect()
}

/// A variable of the environment that is not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::proxy::Upstream;

    const BOTH: [Region; 2] = [Region::US_EAST_1, Region::EU_WEST_1];

    const FILE: &str = "
endpoint:
  url: http://file:1
  api_path: /x
  regions: { eu-west-1: { url: 'http://eu:2', services: { dynamodb: 'http://table:3', s3: 'http://bucket:4' } } }
";

    /// Where a service is called in each Region.
    fn called(endpoint: &Endpoint, service: &str) -> [String; 2] {
        BOTH.map(|region| {
            let own = endpoint.regions.get(&region);
            let of_service = own.and_then(|own| own.services.get(service));
            of_service.or(own.and_then(|own| own.url.as_ref())).or(endpoint.url.as_ref()).unwrap().clone()
        })
    }

    /// The file's endpoint with this flag and these variables.
    fn given(flag: Option<&str>, set: &[(&str, &str)]) -> anyhow::Result<Endpoint> {
        let file = Settings::parse(FILE).unwrap().endpoint;
        let value = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        led(&file, &BOTH, flag, value)
    }

    #[test]
    fn the_file_alone_is_taken_as_it_is() {
        let endpoint = given(None, &[]).unwrap();
        assert_eq!(endpoint, Settings::parse(FILE).unwrap().endpoint);
        assert_eq!(called(&endpoint, "dynamodb"), ["http://file:1", "http://table:3"]);
    }

    #[test]
    fn the_flag_stands_for_every_url_and_variable() {
        let set = [("AWS_ENDPOINT_URL", "http://all:5"), ("AWS_ENDPOINT_URL_DYNAMODB", "http://mine:6")];
        let endpoint = given(Some("http://flag:7"), &set).unwrap();
        for service in ["dynamodb", "s3", "route53"] {
            assert_eq!(called(&endpoint, service), ["http://flag:7", "http://flag:7"], "{service}");
        }
        assert!(endpoint.regions.is_empty());
        assert_eq!(endpoint.api_path.as_deref(), Some("/x"), "how APIs are asked for is no URL, and stays");
    }

    #[test]
    fn a_variable_of_a_service_leads_it_everywhere_and_the_general_one_comes_after_the_file_s_own() {
        let set = [("AWS_ENDPOINT_URL", "http://all:5"), ("AWS_ENDPOINT_URL_DYNAMODB", "http://mine:6")];
        let endpoint = given(None, &set).unwrap();
        assert_eq!(called(&endpoint, "dynamodb"), ["http://mine:6", "http://mine:6"]);
        assert_eq!(called(&endpoint, "s3"), ["http://all:5", "http://bucket:4"]);
        assert_eq!(called(&endpoint, "route53"), ["http://all:5", "http://eu:2"]);
    }

    #[test]
    fn each_service_has_its_variable() {
        for (service, identifier) in SERVICES {
            let endpoint = given(None, &[(&format!("AWS_ENDPOINT_URL_{identifier}"), "http://mine:6")]).unwrap();
            assert_eq!(called(&endpoint, service), ["http://mine:6", "http://mine:6"], "{service}");
        }
        let names: Vec<&str> = SERVICES.map(|(_, identifier)| identifier).into();
        for known in ["ROUTE_53", "SECRETS_MANAGER", "CLOUDWATCH", "CLOUDWATCH_LOGS", "RESOURCE_GROUPS_TAGGING_API"] {
            assert!(names.contains(&known), "{known}");
        }
    }

    #[test]
    fn a_url_that_is_none_says_who_gave_it() {
        for (flag, set, from) in [
            (Some("localhost:4566"), None, "--endpoint-url: "),
            (Some(""), None, "--endpoint-url: "),
            (None, Some(("AWS_ENDPOINT_URL", "ftp://a")), "AWS_ENDPOINT_URL: "),
            (None, Some(("AWS_ENDPOINT_URL_S3", "http://a/b")), "AWS_ENDPOINT_URL_S3: "),
        ] {
            let set: Vec<(&str, &str)> = set.into_iter().collect();
            let why = given(flag, &set).unwrap_err().to_string();
            assert!(why.starts_with(from) && why.contains("expected http://host:port"), "{why}");
        }
    }

    #[test]
    fn what_is_a_url_here_is_one_for_the_proxy() {
        let good =
            ["http://a", "https://a:1/", "http://127.0.0.1:4566", "http://[::1]:4566", "HTTP://A", "http://a_b:1"];
        let bad = [
            "",
            "a",
            "a:1",
            "ftp://a",
            "http://",
            "http:///x",
            "http://a/b",
            "http://a?b",
            "http://a#b",
            "http://u@a:1",
            "http://a:",
            "http://a:x",
            "http://a:70000",
            "http://a b",
            "http:/a",
        ];
        for (urls, is_one) in [(&good[..], true), (&bad[..], false)] {
            for url in urls {
                assert_eq!(check_url(url).is_ok(), is_one, "{url}");
                assert_eq!(url.parse::<Upstream>().is_ok(), is_one, "{url}");
            }
        }
    }

    #[test]
    fn a_url_for_another_target_is_refused_with_the_one_that_takes_it() {
        for name in ["embedded", "localstack", "aws"] {
            let url = Some("http://127.0.0.1:4566".to_owned());
            let asked = Where { target: target_named(name), endpoint_url: url.clone(), ..Where::default() };
            let mut planned = Plan::default();
            planned.target.name = name.to_owned();
            let by_plan = Where { endpoint_url: url, ..Where::default() };
            for (mut plan, at) in [(Plan::default(), asked), (planned, by_plan)] {
                let why = aim(&mut plan, &at).unwrap_err().to_string();
                assert!(why.contains(&format!("the target {name} takes no URL")), "{why}");
                assert!(why.contains("--target endpoint does"), "{why}");
            }
        }
    }

    /// Aims a plan at the endpoint that a file of this text names.
    fn aimed(text: &str, url: Option<&str>) -> anyhow::Result<(Plan, PathBuf)> {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("lab.yaml");
        std::fs::write(&config, text).unwrap();
        let at = Where {
            target: Some(Target::Endpoint),
            endpoint_url: url.map(str::to_owned),
            config: Some(config.clone()),
            ..Where::default()
        };
        let mut plan = Plan::default();
        aim(&mut plan, &at).map(|()| (plan, config))
    }

    #[test]
    fn an_endpoint_is_aimed_at_with_its_file_on_record() {
        let (plan, config) = aimed(FILE, Some("http://flag:7")).unwrap();
        assert_eq!((plan.target.name.as_str(), plan.target.reached.config), ("endpoint", Some(config)));
        assert_eq!(called(&plan.target.settings.endpoint, "s3"), ["http://flag:7", "http://flag:7"]);
        let refused = aimed("{}", Some("http://flag:7/aws")).unwrap_err().to_string();
        assert!(refused.starts_with("--endpoint-url: "), "{refused}");
    }

    #[test]
    fn a_bad_file_is_refused_at_its_place() {
        let why = aimed("endpoint:\n  url: localhost:4566\n", None).unwrap_err().to_string();
        assert!(why.contains("lab.yaml:2:8: \"localhost:4566\" is no URL of an endpoint"), "{why}");
    }

    #[test]
    fn no_url_at_all_is_refused_before_anything_is_done() {
        let none = led(&Endpoint::default(), &BOTH, None, |_| None).unwrap();
        let why = Endpoints::from_settings(&none, &BOTH).unwrap_err().to_string();
        assert!(why.contains("no URL for us-east-1: give --endpoint-url"), "{why}");
        // A service of its own is not a Region's URL. The variable may be set where this runs.
        if variable(ENDPOINT).is_none() {
            let only = "endpoint: { regions: { eu-west-1: { services: { s3: 'http://a:1' } } } }";
            let why = aimed(only, None).unwrap_err().to_string();
            assert!(why.contains("no URL for us-east-1"), "{why}");
        }
    }

    #[test]
    fn a_variable_that_is_passed_on_must_be_set() {
        let localstack = |text: &str| Settings::parse(text).unwrap().localstack;
        let set = |name: &str| (name == "SET").then(|| "1".to_owned());
        all_set(&localstack("{}"), |_| None).unwrap();
        all_set(&localstack("localstack: { pass: [] }"), |_| None).unwrap();
        all_set(&localstack("localstack: { pass: [SET] }"), set).unwrap();
        for name in ["UNSET", "LOCALSTACK_AUTH_TOKEN"] {
            let why = all_set(&localstack(&format!("localstack: {{ pass: [SET, {name}] }}")), set).unwrap_err();
            let why = why.to_string();
            assert!(why.contains(&format!("localstack.pass names {name}, which is not set")), "{why}");
            assert!(why.contains("without the key LOCALSTACK_AUTH_TOKEN is passed on if it is set"), "{why}");
        }
    }
}
