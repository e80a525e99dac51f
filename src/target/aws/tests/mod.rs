//! Credentials, the guard and what can be broken, over a connector that answers what a test tells it to.

mod names;

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, ConfigLoader};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

use super::access::{Http, endpoints_are_awss, unchecked};
use super::guard::{Account, Refusal, Unchecked, allowed};
use super::*;
use crate::scenario::{Allow, Settings};
use crate::seed::Seed;
use crate::store::Store;
use crate::target::embedded::{self, Embedded};
use crate::target::{Way, way};

const US: Region = Region::US_EAST_1;
const EU: Region = Region::EU_WEST_1;
const BOTH: [Region; 2] = [US, EU];

/// A request as it was sent: where to, with which authorization, and what.
#[derive(Clone, Debug)]
pub struct Sent {
    pub uri: String,
    pub authorization: String,
    pub body: String,
}

type Answers = dyn Fn(&Sent) -> (u16, String) + Send + Sync;

/// Answers as it is told, and remembers what it was asked.
#[derive(Clone)]
pub struct Canned {
    sent: Arc<Mutex<Vec<Sent>>>,
    answers: Arc<Answers>,
}

impl std::fmt::Debug for Canned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Canned")
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
        let body = request.body().bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let sent = Sent {
            uri: request.uri().to_owned(),
            authorization: header("authorization"),
            body: body.unwrap_or_default(),
        };
        let (status, text) = (self.answers)(&sent);
        self.sent.lock().unwrap().push(sent);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(text))))
    }
}

impl Canned {
    pub fn new(answers: impl Fn(&Sent) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self { sent: Arc::default(), answers: Arc::new(answers) }
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }

    pub fn http(&self) -> Http {
        let connector = SharedHttpConnector::new(self.clone());
        let given = connector.clone();
        Http { client: http_client_fn(move |_, _| given.clone()), connector }
    }
}

/// Somebody with keys, whatever the machine's own configuration says.
pub fn keys() -> ConfigLoader {
    let keys = Credentials::new("AKIAOWN", "secret", None, None, "test");
    aws_config::defaults(BehaviorVersion::latest()).credentials_provider(keys)
}

fn identity(account: &str) -> (u16, String) {
    let result = format!("<Arn>arn:aws:iam::{account}:user/ops</Arn><UserId>A</UserId><Account>{account}</Account>");
    let result = format!("<GetCallerIdentityResult>{result}</GetCallerIdentityResult>");
    (200, format!("<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"))
}

fn allow(accounts: &[&str], regions: &[Region]) -> Allow {
    Allow { accounts: accounts.iter().map(|id| (*id).to_owned()).collect(), regions: regions.to_vec() }
}

fn found(region: Region, id: &str) -> Account {
    Account { region, id: id.to_owned(), arn: format!("arn:aws:iam::{id}:user/ops") }
}

async fn canned(canned: &Canned, settings: &Settings) -> Unchecked {
    unchecked(settings, &BOTH, Clock::system(), &canned.http(), keys).await
}

#[test]
fn only_what_is_on_both_lists_is_allowed() {
    let here = [found(US, "111122223333"), found(EU, "111122223333")];
    assert_eq!(allowed(&here, &allow(&["111122223333"], &BOTH)), Ok(()));
    for list in [
        allow(&[], &[]),
        allow(&["111122223333"], &[]),
        allow(&[], &BOTH),
        allow(&["111122223333"], &[US]),
        allow(&["999999999999"], &BOTH),
    ] {
        assert!(matches!(allowed(&here, &list), Err(Refusal::NotAllowed { .. })), "{list:?}");
    }
    let two = [found(US, "111122223333"), found(EU, "444455556666")];
    assert!(allowed(&two, &allow(&["111122223333"], &BOTH)).is_err(), "one account of two");
    assert_eq!(allowed(&two, &allow(&["444455556666", "111122223333"], &BOTH)), Ok(()));
    assert_eq!(allowed(&[], &allow(&["111122223333"], &BOTH)), Err(Refusal::NoRegion));
}

#[test]
fn a_refusal_says_what_to_write() {
    let two = [found(US, "111122223333"), found(EU, "444455556666")];
    let refusal = allowed(&two, &allow(&["111122223333"], &[EU])).unwrap_err();
    let expected = "aws: nothing was done: blackstart.yaml does not allow it.
  found    account 111122223333 in us-east-1 (not allowed), as arn:aws:iam::111122223333:user/ops
  found    account 444455556666 (not allowed) in eu-west-1, as arn:aws:iam::444455556666:user/ops
  allowed  accounts: 111122223333; Regions: eu-west-1
If this is where game days may be held, write into blackstart.yaml:
  aws:
    allow:
      accounts: [\"111122223333\", \"444455556666\"]
      regions: [eu-west-1, us-east-1]";
    assert_eq!(refusal.to_string(), expected);
    // What it says to write is what it takes.
    let yaml: String = expected.lines().skip(5).map(|line| format!("{}\n", &line[2..])).collect();
    assert_eq!(allowed(&two, &Settings::parse(&yaml).unwrap().aws.allow), Ok(()));
}

#[tokio::test]
async fn the_guard_asks_sts_in_every_region_and_nobody_before() {
    let sts = Canned::new(|_| identity("111122223333"));
    let reached = canned(&sts, &Settings::default()).await;
    assert_eq!(sts.sent().len(), 0, "nothing is called before the guard");
    let checked = reached.check(&allow(&["111122223333"], &BOTH)).await.unwrap();
    let uris: Vec<String> = sts.sent().iter().map(|sent| sent.uri.clone()).collect();
    assert_eq!(uris, ["https://sts.us-east-1.amazonaws.com/", "https://sts.eu-west-1.amazonaws.com/"]);
    assert!(sts.sent().iter().all(|sent| sent.authorization.contains("Credential=AKIAOWN/")), "{:?}", sts.sent());
    assert_eq!(checked.accounts(), [found(US, "111122223333"), found(EU, "111122223333")]);
    let clients: Vec<Region> = checked.clients().iter().map(|(region, _)| *region).collect();
    assert_eq!(clients, BOTH);
}

#[tokio::test]
async fn what_is_not_allowed_is_asked_who_it_is_and_nothing_else() {
    let sts =
        Canned::new(|sent| identity(if sent.uri.contains("us-east-1") { "111122223333" } else { "444455556666" }));
    let refused = canned(&sts, &Settings::default()).await.check(&allow(&["111122223333"], &BOTH)).await.err();
    let Some(Refusal::NotAllowed { found: accounts, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(accounts, [found(US, "111122223333"), found(EU, "444455556666")]);
    assert!(sts.sent().iter().all(|sent| sent.body.contains("Action=GetCallerIdentity")), "{:?}", sts.sent());
}

#[tokio::test]
async fn an_answer_that_names_no_account_is_a_refusal() {
    let denied = "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>too late</Message></Error></ErrorResponse>";
    for (answer, why) in [
        ((403, denied.to_owned()), "ExpiredToken: too late"),
        ((200, "<html>portal</html>".to_owned()), "names the account \"\""),
        (identity("1234"), "names the account \"1234\""),
    ] {
        let sts = Canned::new(move |_| answer.clone());
        let refused = canned(&sts, &Settings::default()).await.check(&allow(&["1234", ""], &BOTH)).await.err();
        let refused = refused.unwrap().to_string();
        assert!(refused.contains(why) && refused.contains("us-east-1"), "{refused}");
    }
}

#[tokio::test]
async fn a_regions_role_is_assumed_once_and_acts_there() {
    let sts = Canned::new(|sent| {
        if sent.body.contains("Action=AssumeRole") {
            let keys = "<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                        <SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>";
            let user = "<AssumedRoleUser><Arn>arn:aws:sts::444455556666:assumed-role/gameday/blackstart</Arn><AssumedRoleId>id</AssumedRoleId></AssumedRoleUser>";
            let result = format!("<AssumeRoleResult><Credentials>{keys}</Credentials>{user}</AssumeRoleResult>");
            (200, format!("<AssumeRoleResponse>{result}</AssumeRoleResponse>"))
        } else {
            identity(if sent.authorization.contains("ASIAROLE") { "444455556666" } else { "111122223333" })
        }
    });
    let mut settings = Settings::default();
    settings.aws.roles.insert(EU, "arn:aws:iam::444455556666:role/gameday".to_owned());
    let reached = canned(&sts, &settings).await;
    assert_eq!(sts.sent().len(), 0);
    let checked = reached.check(&allow(&["111122223333", "444455556666"], &BOTH)).await.unwrap();
    let ids: Vec<&str> = checked.accounts().iter().map(|account| account.id.as_str()).collect();
    assert_eq!(ids, ["111122223333", "444455556666"]);
    let (_, eu) = &checked.clients()[1];
    eu.raw.query("sts", "2011-06-15", "GetCallerIdentity", &[]).await.unwrap();
    let assumed: Vec<String> =
        sts.sent().into_iter().map(|sent| sent.body).filter(|body| body.contains("AssumeRole")).collect();
    assert_eq!(assumed.len(), 1, "credentials are kept until they expire");
    for part in ["RoleSessionName=blackstart", "RoleArn=arn%3Aaws%3Aiam%3A%3A444455556666%3Arole%2Fgameday"] {
        assert!(assumed[0].contains(part), "{}", assumed[0]);
    }
}

#[test]
fn the_guard_knows_the_twins_account() {
    let ended = embedded::in_virtual_time(|| async {
        let twin = Embedded::start(Seed(1), &BOTH);
        let access = |region: &Region| guard::Access {
            region: *region,
            config: twin.sdk_config(*region),
            raw: twin.clients(*region).unwrap().raw.clone(),
        };
        let reached = || Unchecked::new(BOTH.iter().map(access).collect());
        assert!(reached().check(&allow(&["111122223333"], &BOTH)).await.is_err());
        let checked = reached().check(&allow(&["000000000000"], &BOTH)).await.unwrap();
        assert_eq!(checked.accounts()[1].arn, "arn:aws:iam::000000000000:root");
        let target = Aws::of(&checked, &Settings::default(), twin.clock(), Vec::new(), no_certificates());
        assert_eq!((target.regions(), target.primary()), (&BOTH[..], US));
        assert_eq!(target.version().await, "accounts 000000000000");
        assert_eq!(target.packaging(), Packaging::Bootstrap { folder: "target/lambda".into() });
        assert!(target.clients(EU).is_some() && target.clients(Region::parse("eu-west-2").unwrap()).is_none());
        let lost = |mode| Breakage::Application { region: US, mode, functions: vec!["orders".to_owned()] };
        assert_eq!(way(&target, &lost(Mode::Errors)), Ok(Way::Throttle));
        assert!(way(&target, &lost(Mode::Hang)).unwrap_err().contains("mode: 5xx"));
        let paused = Breakage::Replication { of: Store::Table, name: "t".into(), from: None, to: None, times: None };
        assert!(way(&target, &paused).unwrap_err().contains("FIS"));
        assert!(target.injector().inject(paused).await.is_err(), "nothing is accepted that has no effect");
        assert_eq!(way(&twin, &lost(Mode::Errors)), Ok(Way::Injector));
    });
    ended.unwrap().blocking_recv().unwrap();
}

#[tokio::test]
async fn over_https_a_closed_port_is_an_error_and_no_panic() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Some(format!("https://{}", listener.local_addr().unwrap()));
    drop(listener);
    let keys = Credentials::new("AKIAOWN", "secret", None, None, "test");
    let raw = crate::target::Raw {
        connector: Http::tls(&Settings::default()).unwrap().connector,
        credentials: aws_credential_types::provider::SharedCredentialsProvider::new(keys),
        region: US,
        clock: Clock::system(),
        endpoint,
    };
    let refused = raw.query("sts", "2011-06-15", "GetCallerIdentity", &[]).await.unwrap_err();
    assert_eq!((refused.status, refused.code.as_str()), (None, "ConnectorError"));
}

fn no_certificates() -> Arc<ClientConfig> {
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let roots = tokio_rustls::rustls::RootCertStore::empty();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

#[test]
fn an_endpoint_in_the_environment_is_refused() {
    assert!(endpoints_are_awss(["AWS_PROFILE", "HOME"].into_iter()).is_ok());
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"] {
        let refused = endpoints_are_awss(["HOME", name].into_iter()).unwrap_err();
        assert!(refused.0.contains(name) && refused.0.contains("--target endpoint"), "{refused}");
    }
}
