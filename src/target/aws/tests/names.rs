//! Names, asked of name servers of the test's own, over real sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME, NS, SOA};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::Instant;

use super::super::internet::{AwsInternet, by_name};
use super::super::names::{Names, resolvers};
use super::{BOTH, Canned, EU, US, keys, unchecked};
use crate::clock::Clock;
use crate::region::{Place, Region};
use crate::scenario::Settings;
use crate::target::{Internet, Lookup};
use crate::wait::{self, Look};

const API: &str = "api.orders.test";
const EU_HOST: &str = "d-2.execute-api.eu-west-1.amazonaws.com";

/// What a server knows, and what it was asked.
#[derive(Default)]
struct Known {
    records: Vec<Record>,
    /// The zones in whose SOA records it answers that there is nothing.
    zones: Vec<&'static str>,
    authoritative: bool,
    truncates: bool,
    /// Follows its own CNAMEs.
    follows: bool,
    asked: Vec<(String, bool)>,
}

#[derive(Clone)]
struct Server {
    at: SocketAddr,
    known: Arc<Mutex<Known>>,
}

fn name(name: &str) -> Name {
    Name::from_ascii(format!("{name}.")).unwrap()
}

fn a(owner: &str, ttl: u32, address: [u8; 4]) -> Record {
    let [a, b, c, d] = address;
    Record::from_rdata(name(owner), ttl, RData::A(A::new(a, b, c, d)))
}

fn cname(owner: &str, ttl: u32, target: &str) -> Record {
    Record::from_rdata(name(owner), ttl, RData::CNAME(CNAME(name(target))))
}

fn ns(zone: &str, server: &str) -> Record {
    Record::from_rdata(name(zone), 172_800, RData::NS(NS(name(server))))
}

fn soa(zone: &str) -> Record {
    let soa = SOA::new(name("ns.test"), name("hostmaster.test"), 1, 7_200, 900, 1_209_600, 30);
    Record::from_rdata(name(zone), 900, RData::SOA(soa))
}

impl Server {
    async fn start(known: Known) -> Self {
        // The same port for both, as name servers have it.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let server = Self { at: udp.local_addr().unwrap(), known: Arc::new(Mutex::new(known)) };
        let by_udp = server.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = udp.recv_from(&mut buffer).await {
                let answer = by_udp.answer(&buffer[..length], true);
                udp.send_to(&answer, from).await.unwrap();
            }
        });
        let by_tcp = server.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let mut question = vec![0; stream.read_u16().await.unwrap().into()];
                stream.read_exact(&mut question).await.unwrap();
                let answer = by_tcp.answer(&question, false);
                stream.write_u16(answer.len().try_into().unwrap()).await.unwrap();
                stream.write_all(&answer).await.unwrap();
            }
        });
        server
    }

    fn answer(&self, question: &[u8], udp: bool) -> Vec<u8> {
        let question = Message::from_vec(question).unwrap();
        let mut known = self.known.lock().unwrap();
        let query = question.queries[0].clone();
        known
            .asked
            .push((query.name().to_ascii().trim_end_matches('.').to_owned(), question.metadata.recursion_desired));
        let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
        answer.metadata.message_type = MessageType::Response;
        answer.metadata.authoritative = known.authoritative;
        answer.add_query(query.clone());
        if udp && known.truncates {
            answer.metadata.truncation = true;
            return answer.to_vec().unwrap();
        }
        let mut next = query.name().clone();
        loop {
            let aliases =
                known.records.iter().find(|r| r.name == next && r.record_type() == RecordType::CNAME).cloned();
            let alias = aliases.filter(|_| query.query_type() != RecordType::CNAME);
            let owned = known.records.iter().filter(|r| r.name == next && r.record_type() == query.query_type());
            owned.for_each(|record| {
                answer.add_answer(record.clone());
            });
            let Some(alias) = alias else { break };
            if let RData::CNAME(target) = &alias.data {
                next = target.0.clone();
            }
            answer.add_answer(alias);
            if !known.follows {
                return answer.to_vec().unwrap();
            }
        }
        let nothing = !answer.answers.iter().any(|record| record.record_type() == query.query_type());
        let zone = known.zones.iter().find(|zone| next.to_ascii().ends_with(&format!("{zone}.")));
        if let Some(zone) = zone.filter(|_| nothing) {
            if !known.records.iter().any(|record| record.name == next) {
                answer.metadata.response_code = ResponseCode::NXDomain;
            }
            answer.add_authority(soa(zone));
        }
        answer.to_vec().unwrap()
    }

    fn asked(&self) -> Vec<(String, bool)> {
        self.known.lock().unwrap().asked.clone()
    }

    fn set(&self, records: Vec<Record>) {
        self.known.lock().unwrap().records = records;
    }
}

fn place() -> Place {
    Place::parse("europe").unwrap()
}

fn roles(role: &str, region: Region) -> Option<String> {
    let name = match (role, region) {
        ("endpoint", EU) => EU_HOST,
        ("endpoint", _) => US_HOST,
        _ => return None,
    };
    Some(name.to_owned())
}

fn through(names: Names) -> AwsInternet {
    AwsInternet::new(names, by_name(&BOTH, &roles), None)
}

fn resolving(records: Vec<Record>) -> Known {
    Known { records, zones: vec!["test"], follows: true, ..Known::default() }
}

/// An internet whose users' resolver is this server.
async fn behind(known: Known) -> (AwsInternet, Server) {
    let server = Server::start(known).await;
    (through(Names::new(vec![server.at], None, Clock::system())), server)
}

const US_AT: [u8; 4] = [192, 0, 2, 1];
const EU_AT: [u8; 4] = [192, 0, 2, 2];

#[tokio::test]
async fn an_answer_is_kept_for_its_ttl_and_not_longer() {
    let (internet, server) = behind(resolving(vec![a(API, 1, EU_AT)])).await;
    let resolver = internet.resolver(place());
    let begun = Instant::now();
    let first = resolver.resolve(API).await;
    assert_eq!(first, Lookup { addresses: vec![EU_AT.into()], ttl: Duration::from_secs(1), fresh: true });
    server.set(vec![a(API, 1, US_AT)]);
    let asked = |server: &Server| server.asked().iter().filter(|(name, _)| name == API).count();
    let kept = resolver.resolve(API).await;
    assert!(!kept.fresh && kept.addresses == first.addresses && kept.ttl <= Duration::from_secs(1), "{kept:?}");
    assert_eq!(asked(&server), 1);
    let look = async || {
        let lookup = resolver.resolve(API).await;
        let changed = lookup.addresses == [Ipv4Addr::from(US_AT)];
        Ok::<_, ()>(if changed { Look::Ready(lookup) } else { Look::NotYet(format!("{lookup:?}")) })
    };
    let after = wait::until("the new answer", Duration::from_secs(30), Duration::from_millis(10), look).await;
    assert!(after.unwrap().unwrap().fresh);
    assert!(begun.elapsed() >= Duration::from_secs(1), "kept for its whole TTL, not {:?}", begun.elapsed());
    assert_eq!(asked(&server), 2);
}

#[tokio::test]
async fn an_answer_out_of_the_resolvers_own_cache_is_not_fresh() {
    let (internet, server) = behind(resolving(vec![a(API, 60, EU_AT)])).await;
    assert!(internet.resolver(place()).resolve(API).await.fresh);
    server.set(vec![a(API, 41, EU_AT)]);
    let aged = internet.resolver(place()).resolve(API).await;
    assert_eq!((aged.fresh, aged.ttl), (false, Duration::from_secs(41)));
    server.set(vec![a(API, 60, EU_AT)]);
    assert!(internet.resolver(place()).resolve(API).await.fresh, "asked again behind it");
}

#[tokio::test]
async fn a_chain_has_its_shortest_ttl_and_names_its_region() {
    let (internet, _server) = behind(resolving(vec![cname(API, 5, EU_HOST), a(EU_HOST, 60, EU_AT)])).await;
    let lookup = internet.resolver(place()).resolve("API.Orders.test.").await;
    assert_eq!((lookup.addresses, lookup.ttl), (vec![EU_AT.into()], Duration::from_secs(5)));
    assert_eq!(internet.region_of(EU_AT.into()), Some(EU));
    assert_eq!(internet.region_of(US_AT.into()), None, "never guessed");
}

#[tokio::test]
async fn no_such_name_and_no_answer_are_empty() {
    let (internet, server) = behind(resolving(vec![a(API, 60, EU_AT)])).await;
    let resolver = internet.resolver(place());
    let none = resolver.resolve("nobody.test").await;
    // The smaller of the SOA record's TTL (900) and its minimum (30).
    assert_eq!(none, Lookup { addresses: Vec::new(), ttl: Duration::from_secs(30), fresh: true });
    assert!(!resolver.resolve("nobody.test").await.fresh, "that there is none is kept too");
    assert_eq!(server.asked().iter().filter(|(name, _)| name == "nobody.test").count(), 1);
    let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let alone = through(Names::new(vec![closed], None, Clock::system()));
    assert_eq!(alone.resolver(place()).resolve(API).await.addresses, Vec::<Ipv4Addr>::new());
    let first = through(Names::new(vec![closed, server.at], None, Clock::system()));
    assert_eq!(first.resolver(place()).resolve(API).await.addresses, [Ipv4Addr::from(EU_AT)], "the next one answers");
}

#[tokio::test]
async fn what_does_not_fit_is_asked_for_by_tcp() {
    let known = Known { truncates: true, ..resolving((1..60).map(|host| a(API, 60, [192, 0, 2, host])).collect()) };
    let (internet, server) = behind(known).await;
    assert_eq!(internet.resolver(place()).resolve(API).await.addresses.len(), 59);
    assert!(server.asked().len() >= 2, "once by each: {:?}", server.asked());
}

const US_HOST: &str = "d-1.execute-api.us-east-1.amazonaws.com";
const ZONES: [&str; 3] = ["orders.test", "execute-api.eu-west-1.amazonaws.com", "execute-api.us-east-1.amazonaws.com"];

/// A resolver that knows who serves the zones and has an old answer, and those zones' server, which knows better.
async fn delegated(records: Vec<Record>) -> (AwsInternet, Server, Server) {
    let home = Server::start(Known { zones: ZONES.to_vec(), authoritative: true, ..resolving(records) }).await;
    let mut old: Vec<Record> = ZONES.iter().map(|zone| ns(zone, "ns.test")).collect();
    old.extend([a("ns.test", 60, [127, 0, 0, 1]), a(API, 60, [192, 0, 2, 99])]);
    let recursive = Server::start(Known { zones: ZONES.to_vec(), ..resolving(old) }).await;
    (through(Names::new(vec![recursive.at], None, Clock::system()).listening_at(home.at.port())), home, recursive)
}

#[tokio::test]
async fn the_zones_own_servers_are_asked_and_no_cache() {
    let (internet, home, recursive) = delegated(vec![cname(API, 5, EU_HOST), a(EU_HOST, 60, EU_AT)]).await;
    // The server of one zone says nothing of another: its chain ends there, and the other zone's is asked.
    home.known.lock().unwrap().follows = false;
    let lookup = internet.authoritative(place(), API).await;
    assert_eq!(lookup, Lookup { addresses: vec![EU_AT.into()], ttl: Duration::from_secs(5), fresh: true });
    assert_eq!(home.asked(), [(API.to_owned(), false), (EU_HOST.to_owned(), false)]);
    let asked: Vec<String> = recursive.asked().into_iter().map(|(name, _)| name).collect();
    let again = internet.authoritative(place(), API).await;
    assert_eq!(again, lookup);
    assert_eq!(recursive.asked().len(), asked.len(), "who serves a zone is found once: {asked:?}");
    assert_eq!(home.asked().len(), 4, "and asked in every look");
}

#[tokio::test]
async fn the_stacks_own_zone_is_known_to_route_53() {
    let zone = Known { authoritative: true, ..resolving(vec![a(API, 60, EU_AT)]) };
    let home = Server::start(zone).await;
    let recursive = vec![a("ns-1.awsdns.test", 60, [127, 0, 0, 1]), a(API, 60, [192, 0, 2, 99])];
    let recursive = Server::start(resolving(recursive)).await;
    let route53 = Canned::new(|_| {
        let zone = "<HostedZone><Id>/hostedzone/Z1</Id><Name>orders.test.</Name><CallerReference>c</CallerReference>\
                    </HostedZone><DelegationSet><NameServers><NameServer>ns-1.awsdns.test</NameServer></NameServers>\
                    </DelegationSet>";
        let namespace = "https://route53.amazonaws.com/doc/2013-04-01/";
        (200, format!("<GetHostedZoneResponse xmlns=\"{namespace}\">{zone}</GetHostedZoneResponse>"))
    });
    let client = route53_client(&route53).await;
    let names = Names::new(vec![recursive.at], Some((client, "Z1".to_owned())), Clock::system());
    let internet = through(names.listening_at(home.at.port()));
    let asked = |server: &Server| server.asked().iter().filter(|(name, _)| name == API).count();
    for look in 1..=3 {
        let lookup = internet.authoritative(place(), API).await;
        assert_eq!(lookup, Lookup { addresses: vec![EU_AT.into()], ttl: Duration::from_secs(60), fresh: true });
        assert_eq!(asked(&home), look, "every look asks");
    }
    assert!(home.asked().iter().all(|(_, recurse)| !recurse), "{:?}", home.asked());
    assert_eq!(asked(&recursive), 0, "no cache is asked for the name");
    assert_eq!(route53.sent().len(), 1, "its servers are found once");
    home.set(vec![a(API, 60, US_AT)]);
    assert_eq!(
        internet.authoritative(place(), API).await.addresses,
        [Ipv4Addr::from(US_AT)],
        "a change is seen at once"
    );
    let gone = internet.authoritative(place(), "gone.orders.test").await;
    assert_eq!((gone.addresses.len(), gone.fresh), (0, true));
}

async fn route53_client(canned: &Canned) -> aws_sdk_route53::Client {
    let sts = Canned::new(|_| super::identity("111122223333"));
    let http = super::Http { client: canned.http().client, connector: sts.http().connector };
    let reached = unchecked(&Settings::default(), &[US], Clock::system(), &http, keys).await;
    let checked = reached.check(&super::allow(&["111122223333"], &[US])).await.unwrap();
    checked.clients()[0].1.route53.clone()
}

#[tokio::test]
async fn behind_an_alias_the_regions_own_names_tell_whose_an_address_is() {
    let shared = [192, 0, 2, 50];
    let home = vec![
        a(API, 60, EU_AT),
        a(EU_HOST, 60, EU_AT),
        a(EU_HOST, 60, shared),
        a(US_HOST, 60, US_AT),
        a(US_HOST, 60, shared),
    ];
    let (internet, _home, _recursive) = delegated(home).await;
    let lookup = internet.authoritative(place(), API).await;
    assert_eq!(lookup.addresses, [Ipv4Addr::from(EU_AT)]);
    let regions = [EU_AT, US_AT, shared, [192, 0, 2, 77]].map(|address| internet.region_of(address.into()));
    assert_eq!(regions, [Some(EU), Some(US), None, None], "an address of both is nobody's");
}

#[tokio::test]
async fn users_connect_to_the_address_they_were_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
    });
    let internet = through(Names::new(Vec::new(), None, Clock::system())).listening_at(port);
    let line = internet.connect(place(), Ipv4Addr::LOCALHOST, API).await.unwrap();
    let request = http::Request::get(format!("https://{API}/health")).body(bytes::Bytes::new()).unwrap();
    assert_eq!(line.send(request).await.unwrap().status().as_u16(), 204);
}

#[test]
fn named_resolvers_come_before_the_machines_own() {
    let named = resolvers(&[Ipv4Addr::new(192, 0, 2, 53)]).unwrap();
    assert_eq!(named, [SocketAddr::from(([192, 0, 2, 53], 53))]);
}
