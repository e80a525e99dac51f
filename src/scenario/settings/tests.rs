use super::*;

#[test]
fn nothing_written_is_all_defaults_and_allows_nothing() {
    let settings = Settings::parse("{}").unwrap();
    assert_eq!(settings, Settings::default());
    assert!(settings.aws.allow.accounts.is_empty() && settings.aws.allow.regions.is_empty());
    assert_eq!(settings.localstack.passed().collect::<Vec<_>>(), ["LOCALSTACK_AUTH_TOKEN"]);
    assert_eq!(serde_json::to_string(&settings).unwrap(), "{}");
}

const EVERYTHING: &str = "
localstack: { tag: 4.9.0, containers: per-region, environment: { DEBUG: '1' }, pass: [A, B], ready_within: 90s }
endpoint:
  url: http://127.0.0.1:4566
  regions: { eu-west-1: { url: http://127.0.0.1:4567, services: { dynamodb: http://127.0.0.1:8000 } } }
aws:
  allow: { accounts: ['123456789012', \"012345678901\"], regions: [us-east-1, eu-west-1] }
  profile: gameday
  roles: { eu-west-1: 'arn:aws:iam::123456789012:role/game/day', us-east-1: 'arn:aws-us-gov:iam::123456789012:role/x' }
timeouts: { connect: 1s, attempt: 5s }
ca_bundle: certificates/lab.pem
adopted:
  roles:
    table: orders
    bucket: { regions: { us-east-1: a, eu-west-1: b } }
    public-name: { stack: routing, output: PublicName }
    secret: { tag: role, value: credentials, kind: 'secretsmanager:secret' }
";

#[test]
fn every_part_is_read() {
    let settings = Settings::parse(EVERYTHING).unwrap();
    assert_eq!(settings.localstack.ready_within, Duration::from_secs(90));
    assert_eq!(settings.localstack.environment["DEBUG"], "1");
    assert_eq!(settings.localstack.passed().collect::<Vec<_>>(), ["A", "B"]);
    let (eu, us) = (Region::EU_WEST_1, Region::US_EAST_1);
    assert_eq!(settings.endpoint.regions[&eu].services["dynamodb"], "http://127.0.0.1:8000");
    assert_eq!(settings.aws.allow.accounts, ["123456789012", "012345678901"]);
    assert_eq!(settings.aws.roles[&us], "arn:aws-us-gov:iam::123456789012:role/x");
    let roles = &settings.adopted.as_ref().unwrap().roles;
    assert_eq!(roles["table"], Resource::Name("orders".into()));
    assert_eq!(roles["bucket"], Resource::Names { regions: [(us, "a".into()), (eu, "b".into())].into() });
    assert_eq!(roles["public-name"], Resource::Output { stack: "routing".into(), output: "PublicName".into() });
    let kind = "secretsmanager:secret".to_owned();
    assert_eq!(roles["secret"], Resource::Tag { tag: "role".into(), value: "credentials".into(), kind });
}

#[test]
fn what_is_kept_of_a_run_reads_back_without_the_values_of_the_containers_environment() {
    let mut settings = Settings::parse(EVERYTHING).unwrap();
    settings.localstack.environment.insert("TOKEN".to_owned(), "hunter2".to_owned());
    let json = serde_json::to_string(&settings).unwrap();
    assert!(!json.contains("hunter2") && json.contains(r#""environment":{"DEBUG":"***","TOKEN":"***"}"#), "{json}");
    settings.localstack.environment.values_mut().for_each(|value| "***".clone_into(value));
    assert_eq!(serde_json::from_str::<Settings>(&json).unwrap(), settings);
}

#[test]
fn what_the_documents_show_is_taken() {
    let text = include_str!("../../../docs/targets.md");
    let blocks: Vec<&str> = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let whole = blocks.iter().find(|block| block.starts_with("functions:")).unwrap();
    assert_eq!(Settings::parse(whole).unwrap().aws.allow.accounts, ["123456789012"]);
    for block in blocks {
        Settings::parse(block).unwrap_or_else(|why| panic!("{why}\n{block}"));
    }
}

/// The text with `§` before what is wrong must be refused there, in these words.
fn refused(marked: &str, words: &[&str]) {
    let (before, _) = marked.split_once('§').unwrap();
    let (line, column) =
        (before.matches('\n').count() + 1, before.chars().rev().take_while(|c| *c != '\n').count() + 1);
    let error = Settings::parse(&marked.replace('§', "")).unwrap_err().to_string();
    let place = format!("blackstart.yaml:{line}:{column}: ");
    assert!(error.starts_with(&place), "{marked:?} is wrong at {place} and this says {error}");
    for word in words {
        assert!(error.contains(word), "{error} does not say {word:?}");
    }
    assert!(!error.contains("DuplicateKeyPolicy") && !error.contains("untagged"), "{error}");
}

#[test]
fn an_account_is_twelve_digits_in_quotes() {
    for bad in ["1e3", "true", "\"12345\"", "123456789012", "\"1234567890123\"", "'12345678901a'", "x", "[a]", "~"] {
        let block = format!("aws:\n  allow:\n    accounts:\n      - '123456789012'\n      - §{bad}\n");
        refused(&block, &["an account id of twelve digits in quotes, like \"123456789012\""]);
        refused(&format!("aws: {{ allow: {{ accounts: [§{bad}] }} }}"), &["expected an account id"]);
    }
}

#[test]
fn a_role_that_is_assumed_is_an_arn_of_one() {
    for bad in [
        "gameday",
        "arn:aws:iam::12345:role/gameday",
        "arn:aws:iam::123456789012:user/gameday",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:iam:us-east-1:123456789012:role/gameday",
        "arn:gcp:iam::123456789012:role/gameday",
        "arn:aws:sts::123456789012:role/gameday",
    ] {
        let text = format!("aws:\n  roles:\n    us-east-1: §\"{bad}\"\n");
        refused(&text, &[&format!("bad role {bad:?}"), "arn:aws:iam::123456789012:role/gameday"]);
    }
    refused("aws: { roles: { §eu-wst-1: x } }", &["unknown Region \"eu-wst-1\", did you mean \"eu-west-1\"?"]);
}

#[test]
fn a_role_of_the_stack_is_a_known_one() {
    refused("adopted:\n  roles:\n    §tabel: orders\n", &["unknown role \"tabel\", did you mean \"table\"?"]);
    refused("adopted: { roles: { table: a, §zzz: b } }", &["unknown role \"zzz\"", "public-name", "credentials"]);
    for role in ROLES {
        Settings::parse(&format!("adopted: {{ roles: {{ {role}: x }} }}")).unwrap();
    }
}

#[test]
fn a_resource_has_one_of_four_forms() {
    let forms = ["a name in quotes", "a name in each Region", "an output of a stack", "or a tag"];
    for bad in ["{}", "{ stack: s }", "{ tag: t, value: v }", "{ stack: s, output: o, tag: t }"] {
        refused(&format!("adopted:\n  roles:\n    table: §{bad}\n"), &forms);
    }
    // What is no form at all is placed at its key.
    for bad in ["7", "true", "[a]", "~"] {
        refused(&format!("adopted:\n  roles:\n    §table: {bad}\n"), &forms);
    }
    refused(
        "adopted:\n  roles:\n    table: { §stak: a, output: b }\n",
        &["unknown key \"stak\", did you mean \"stack\"?"],
    );
    refused("adopted:\n  roles:\n    table:\n      regions: { §eu-wst-1: a }\n", &["did you mean \"eu-west-1\"?"]);
    refused(
        "adopted: { roles: { table: { stack: a, output: b, §stack: c } } }",
        &["the key \"stack\" is written twice"],
    );
}

#[test]
fn a_kind_is_one_the_search_by_tag_knows() {
    for bad in ["dynamodb", "dynamodb:tabel", "ec2:instance", "AWS::S3::Bucket"] {
        let text = format!("adopted:\n  roles:\n    table: {{ tag: t, value: v, kind: §\"{bad}\" }}\n");
        refused(&text, &[&format!("unknown kind {bad:?}"), "s3, ", "dynamodb:table", "apigateway:restapis"]);
    }
    for kind in KINDS {
        Settings::parse(&format!("adopted: {{ roles: {{ table: {{ tag: t, value: v, kind: '{kind}' }} }} }}")).unwrap();
    }
}

#[test]
fn a_service_is_named_as_its_calls_are_signed() {
    let text =
        |service: &str| format!("endpoint:\n  regions:\n    eu-west-1:\n      services: {{ §{service}: 'http://a' }}");
    refused(&text("dynamo"), &["unknown service \"dynamo\", did you mean \"dynamodb\"?"]);
    refused(&text("cloudwatch"), &["unknown service \"cloudwatch\", did you mean \"monitoring\"?"]);
    refused(&text("cloudwatch-logs"), &["did you mean \"logs\"?"]);
    refused(&text("zz"), &["expected one of apigateway, ", "tagging"]);
    for (service, _) in SERVICES {
        Settings::parse(&text(service).replace('§', "")).unwrap();
    }
}

#[test]
fn a_url_has_a_scheme_and_a_host_and_no_path() {
    for bad in ["localhost:4566", "ftp://a", "http://", "http://a:4566/aws", "http://a?b=c", "http://a:b", "http://u@a"]
    {
        let words: [&str; 2] =
            [&format!("{bad:?} is no URL of an endpoint"), "expected http://host:port or https://host:port"];
        refused(&format!("endpoint:\n  url: §\"{bad}\"\n"), &words);
        refused(&format!("endpoint: {{ regions: {{ eu-west-1: {{ url: §\"{bad}\" }} }} }}"), &words);
        refused(&format!("endpoint: {{ regions: {{ eu-west-1: {{ services: {{ s3: §\"{bad}\" }} }} }} }}"), &words);
    }
    for good in ["http://a", "https://a.example:8443", "http://127.0.0.1:4566/"] {
        Settings::parse(&format!("endpoint: {{ url: '{good}' }}")).unwrap();
    }
    Settings::parse("endpoint: { url: ~ }").unwrap();
}

#[test]
fn a_wait_takes_more_than_no_time() {
    refused("timeouts: { connect: §0s }", &["bad duration \"0s\"", "more than 0s, like 3s"]);
    refused("timeouts:\n  connect: 1s\n  attempt: §0m\n", &["more than 0s"]);
    refused("localstack: { ready_within: §0ms }", &["more than 0s"]);
    refused("localstack: { ready_within: §9 }", &["bad duration \"9\"", "like 90s"]);
}

#[test]
fn a_key_or_a_word_that_is_unknown_has_its_nearest_named() {
    refused("§endpont: {}\n", &["unknown key \"endpont\", did you mean \"endpoint\"?"]);
    refused("aws:\n  §alow: {}\n", &["unknown key \"alow\", did you mean \"allow\"?"]);
    refused("aws:\n  §zzz: {}\n", &["unknown key \"zzz\"", "allow, profile, roles, resolvers"]);
    refused("localstack: { containers: §per-regoin }", &["unknown value \"per-regoin\", did you mean \"per-region\"?"]);
}

#[test]
fn a_key_that_is_written_twice_is_named() {
    refused("aws: {}\n§aws: {}\n", &["the key \"aws\" is written twice"]);
    refused(
        "endpoint:\n  regions:\n    eu-west-1: { url: 'http://a' }\n    §eu-west-1: { url: 'http://b' }\n",
        &["the key \"eu-west-1\" is written twice"],
    );
}

#[test]
fn an_error_names_the_file_it_is_of() {
    let error = Settings::parse_as(Path::new("lab/two.yaml"), "aws: 7\n").unwrap_err().to_string();
    assert!(error.starts_with("lab/two.yaml:1:6: "), "{error}");
}

#[test]
fn settings_of_another_file_keep_the_endpoint_of_the_run() {
    let run = Settings::parse("endpoint: { url: 'http://run:1', api_path: /run }\naws: { profile: run }").unwrap();
    let over = |text: &str| Settings::parse(text).unwrap().over(&run);
    let kept = over("aws: { profile: other }");
    assert_eq!((&kept.endpoint, kept.aws.profile.as_deref()), (&run.endpoint, Some("other")));
    let half = over("endpoint: { api_path: /other }").endpoint;
    assert_eq!((half.url.as_deref(), half.api_path.as_deref()), (Some("http://run:1"), Some("/other")));
    let own = over("endpoint: { url: 'http://other:2' }").endpoint;
    assert_eq!((own.url.as_deref(), own.api_path), (Some("http://other:2"), None));
    let region = over("endpoint: { regions: { eu-west-1: { url: 'http://eu:3' } } }").endpoint;
    assert_eq!(region.url, None, "a URL of a Region is one");
}

#[test]
fn the_schema_knows_the_words_and_forms() {
    let schema = schemars::schema_for!(Settings);
    let schema = schema.as_value();
    let at = |path: &str| schema.pointer(path).unwrap_or_else(|| panic!("no {path} in {schema:#}"));
    assert_eq!(at("/$defs/Allow/properties/accounts/items/pattern"), "^[0-9]{12}$");
    assert!(at("/$defs/Adopted/properties/roles/properties/guard-log").is_object());
    assert_eq!(at("/$defs/Adopted/properties/roles/additionalProperties"), false);
    assert!(at("/$defs/RegionEndpoint/properties/services/properties/monitoring").is_object());
    assert!(at("/$defs/Endpoint/properties/url/pattern").is_string());
    let tag = at("/$defs/Resource/anyOf/3/properties/kind/enum").as_array().unwrap();
    assert_eq!(tag.len(), KINDS.len());
}
