//! One Region's port: open, or really closed.
//!
//! While it is closed a socket stays bound to it without listening: connections are refused, and nobody else, and no
//! outgoing connection, gets the port meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;

use super::RuleId;
use crate::region::Region;

/// Connections that wait to be accepted, as many as Linux takes by default.
const BACKLOG: u32 = 4_096;

pub(super) struct Gate {
    pub region: Region,
    pub address: SocketAddr,
    door: Mutex<Door>,
}

#[derive(Default)]
struct Door {
    listener: Option<TcpListener>,
    /// Holds the port while nothing listens.
    held: Option<TcpSocket>,
    /// Who wants the port closed.
    closers: BTreeSet<RuleId>,
    /// Who wanted it and never will again: a schedule may come late, after its rule was healed.
    over: BTreeSet<RuleId>,
    stopped: bool,
    trouble: Option<String>,
    lines: BTreeMap<u64, Arc<Notify>>,
    accepted: u64,
    waker: Option<Waker>,
}

/// A connection that can be cut off.
pub(super) struct Line {
    pub stream: TcpStream,
    /// Told to reset the connection.
    pub cut: Arc<Notify>,
    number: u64,
}

impl Gate {
    /// Listens on a free port of this machine.
    pub fn new(region: Region) -> io::Result<Self> {
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let address = socket.local_addr()?;
        let door = Door { listener: Some(socket.listen(BACKLOG)?), ..Door::default() };
        Ok(Self { region, address, door: Mutex::new(door) })
    }

    /// Closes the port and resets its connections; how many, or `None` where another rule had closed it already.
    pub fn close(&self, by: RuleId) -> Option<u64> {
        let mut door = self.lock();
        if door.over.contains(&by) {
            return None;
        }
        let was_open = door.closers.is_empty();
        door.closers.insert(by);
        if !was_open {
            return None;
        }
        door.shut(self.address);
        Some(door.cut())
    }

    /// Takes a rule's closing back, for good; the port opens when no rule wants it closed.
    pub fn open(&self, by: RuleId) {
        let mut door = self.lock();
        door.over.insert(by);
        if door.closers.remove(&by) && door.closers.is_empty() {
            door.listen(self.address);
        }
    }

    /// Closes for good.
    pub fn stop(&self) {
        let mut door = self.lock();
        door.stopped = true;
        door.listener = None;
        door.held = None;
        door.cut();
        door.wake();
    }

    /// The next connection; `None` when the port is closed for good.
    pub async fn accept(&self) -> Option<io::Result<Line>> {
        std::future::poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Opens the port where it should be open and is not, because somebody else had it.
    pub fn try_again(&self) {
        let mut door = self.lock();
        if door.listener.is_none() && door.closers.is_empty() && !door.stopped {
            door.listen(self.address);
        }
    }

    /// Forgets a connection that has ended.
    pub fn ended(&self, number: u64) {
        self.lock().lines.remove(&number);
    }

    /// Connections so far and now, and why the port is not open though it should be.
    pub fn audit(&self) -> (u64, u64, Option<String>) {
        let door = self.lock();
        (door.accepted, door.lines.len() as u64, door.trouble.clone())
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Line>>> {
        let mut door = self.lock();
        if door.stopped {
            return Poll::Ready(None);
        }
        // The port may be closed or opened while nobody connects, so the door wakes too.
        door.waker = Some(cx.waker().clone());
        let accepted = match (&door.listener, &door.trouble) {
            (Some(listener), _) => std::task::ready!(listener.poll_accept(cx)),
            (None, Some(trouble)) => Err(io::Error::other(trouble.clone())),
            (None, None) => return Poll::Pending,
        };
        // Under the same lock as the accepting, so that no connection slips past a closing.
        Poll::Ready(Some(accepted.map(|(stream, _)| door.line(stream))))
    }

    fn lock(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Door {
    fn line(&mut self, stream: TcpStream) -> Line {
        self.accepted += 1;
        let cut = Arc::new(Notify::new());
        self.lines.insert(self.accepted, cut.clone());
        Line { stream, cut, number: self.accepted }
    }

    fn shut(&mut self, address: SocketAddr) {
        self.listener = None;
        // Where this fails the port is refused as well; it can only be lost to somebody else until it opens.
        self.held = bind(address).ok();
        self.trouble = None;
    }

    fn listen(&mut self, address: SocketAddr) {
        let socket = self.held.take().map_or_else(|| bind(address), Ok);
        match socket.and_then(|socket| socket.listen(BACKLOG)) {
            Ok(listener) => {
                self.listener = Some(listener);
                self.trouble = None;
            }
            Err(error) => self.trouble = Some(format!("{address} cannot be listened on again: {error}")),
        }
        self.wake();
    }

    fn cut(&mut self) -> u64 {
        let lines = std::mem::take(&mut self.lines);
        lines.values().for_each(|line| line.notify_one());
        lines.len() as u64
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Line {
    pub const fn number(&self) -> u64 {
        self.number
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Connections that were cut or ended keep the address for a while.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
