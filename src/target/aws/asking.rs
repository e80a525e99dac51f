//! One question to one name server, over UDP, and over TCP where the answer did not fit; and what an answer says, link by
//! link. No cache, no search list, no hosts file.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::dns::{Data, Link, normal};

/// How long a name server may take; then the next one is asked, as resolvers do ("timeout" of resolv.conf(5): 5 s;
/// BIND begins at 0.8 s).
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest UDP answer there can be.
const LARGEST: usize = 65_535;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    #[error("{0:?} is no name")]
    BadName(String),
    #[error("{server} gave no answer: {why}")]
    NoAnswer { server: SocketAddr, why: String },
    #[error("{server} answered {code}")]
    Refused { server: SocketAddr, code: String },
}

/// Asks one server; `recurse`: it shall find the answer, and not just say what it knows.
pub async fn ask(server: SocketAddr, name: &str, kind: RecordType, recurse: bool) -> Result<Message, AskError> {
    let mut wire = Name::from_ascii(name).map_err(|_| AskError::BadName(name.to_owned()))?;
    wire.set_fqdn(true);
    let mut question = Message::query();
    question.metadata.recursion_desired = recurse;
    question.add_query(Query::query(wire, kind));
    let failed = |why: &dyn std::fmt::Display| AskError::NoAnswer { server, why: why.to_string() };
    let bytes = question.to_vec().map_err(|why| failed(&why))?;
    let asking = async {
        let answer = by_udp(server, &question, &bytes).await?;
        if answer.metadata.truncation { by_tcp(server, &question, &bytes).await } else { Ok(answer) }
    };
    let answer = tokio::time::timeout(PATIENCE, asking).await.map_err(|_| failed(&"it took too long"))?;
    let answer = answer.map_err(|why| failed(&why))?;
    match answer.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => Ok(answer),
        code => Err(AskError::Refused { server, code: format!("{code:?}") }),
    }
}

async fn by_udp(server: SocketAddr, question: &Message, bytes: &[u8]) -> io::Result<Message> {
    let any = if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let any: SocketAddr = any;
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(bytes).await?;
    let mut buffer = vec![0; LARGEST];
    loop {
        let length = socket.recv(&mut buffer).await?;
        // Whoever answers without having been asked is not heard.
        if let Some(answer) = Message::from_vec(&buffer[..length]).ok().filter(|answer| answers(answer, question)) {
            return Ok(answer);
        }
    }
}

async fn by_tcp(server: SocketAddr, question: &Message, bytes: &[u8]) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await?;
    let length = stream.read_u16().await?;
    let mut buffer = vec![0; length.into()];
    stream.read_exact(&mut buffer).await?;
    let answer = Message::from_vec(&buffer).map_err(io::Error::other)?;
    if answers(&answer, question) { Ok(answer) } else { Err(io::Error::other("the answer is to another question")) }
}

fn answers(answer: &Message, question: &Message) -> bool {
    let same = |(one, other): (&Query, &Query)| one.name() == other.name() && one.query_type() == other.query_type();
    answer.metadata.id == question.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries.len() == question.queries.len()
        && answer.queries.iter().zip(&question.queries).all(same)
}

/// What an answer says of a name: its addresses, or the chain of names that leads to them, each with its own TTL. The
/// last link is a CNAME where the server knows no more.
pub fn links(answer: &Message, name: &str) -> Vec<(String, Link)> {
    let mut links: Vec<(String, Link)> = Vec::new();
    let mut name = normal(name);
    while !links.iter().any(|(known, _)| *known == name) {
        let of = || answer.answers.iter().filter(|record| plain(&record.name) == name);
        let alias = of().find_map(|record| match &record.data {
            RData::CNAME(target) => Some((plain(&target.0), record.ttl)),
            _ => None,
        });
        let addresses = of().filter_map(|record| match &record.data {
            RData::A(address) => Some((address.0, record.ttl)),
            _ => None,
        });
        let (addresses, ttls): (Vec<Ipv4Addr>, Vec<u32>) = addresses.unzip();
        let (ttl, data) = match (ttls.iter().min(), alias) {
            (Some(ttl), _) => (*ttl, Data::Addresses(addresses)),
            (None, Some((target, ttl))) => (ttl, Data::Cname(target)),
            // The chain leads out of what this server knows, unless it says that there is nothing at its end.
            (None, None) => match negative(answer) {
                Some(ttl) if answer.metadata.response_code == ResponseCode::NXDomain => (ttl, Data::NoName),
                Some(ttl) => (ttl, Data::Empty),
                None if links.is_empty() => (0, Data::Failed),
                None => break,
            },
        };
        let next = if let Data::Cname(target) = &data { Some(target.clone()) } else { None };
        links.push((name, Link { via: Vec::new(), ttl: Duration::from_secs(ttl.into()), data }));
        match next {
            Some(next) => name = next,
            None => break,
        }
    }
    links
}

/// How long it may be kept that there is nothing: the smaller of the SOA record's TTL and its minimum (RFC 2308).
fn negative(answer: &Message) -> Option<u32> {
    answer.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
        _ => None,
    })
}

/// The zone that a name is in, as the SOA record of an answer says.
pub fn zone(answer: &Message) -> Option<String> {
    let is_soa = |record: &&hickory_resolver::proto::rr::Record| matches!(record.data, RData::SOA(_));
    answer.answers.iter().chain(&answer.authorities).find(is_soa).map(|record| plain(&record.name))
}

/// The names of name servers in an answer.
pub fn name_servers(answer: &Message) -> Vec<String> {
    let name = |record: &hickory_resolver::proto::rr::Record| match &record.data {
        RData::NS(server) => Some(plain(&server.0)),
        _ => None,
    };
    answer.answers.iter().filter_map(name).collect()
}

fn plain(name: &Name) -> String {
    normal(&name.to_ascii())
}
