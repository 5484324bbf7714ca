//! The daemon's side of the control sockets: never blocks, never waits for a slow reader.

use std::collections::VecDeque;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use serde::Serialize;
use serde_json::{Value, json};
use slab::Slab;

use super::super::counters::Counters;
use super::super::paths::Socket;
use super::super::sys;
use super::ControlError;
use super::connection::{Connection, Input};
use super::lines::request_body;
use super::listings::Room;
use super::request::Request;
use crate::time::{Duration, Instant};

/// Open connections at most; beyond that the one that was idle for longest goes.
const CONNECTIONS_MAX: usize = 128;
/// Requests that one turn answers.
pub(in super::super) const REQUESTS_IN_TURN: usize = 8;
/// How long nobody is accepted after the descriptors ran out.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
/// Tokens of the control sockets: the two listeners, then the connections.
const FIRST_TOKEN: usize = 1 << 32;
const FIRST_CONNECTION: usize = FIRST_TOKEN + 2;
const LISTENERS: [(Socket, u32); 2] = [(Socket::Observe, 0o666), (Socket::Control, 0o660)];

/// Names a connection; a later one never has the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct ConnectionId {
    key: usize,
    serial: u64,
}

/// How a connection that gets bytes stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum RawState {
    /// Nobody is there.
    Gone,
    /// Somebody is there: who has read all, and who wants no more.
    There { free: bool, ends: bool },
}

/// The two listeners and their connections.
#[derive(Debug)]
pub(in super::super) struct ControlServer {
    directory: PathBuf,
    /// The directory was made here, so it goes with the sockets.
    made: bool,
    listeners: Vec<(UnixListener, Socket)>,
    connections: Slab<Connection>,
    /// Listeners (0, 1) and connections (from 2) that may have something: edge-triggered.
    ready: VecDeque<usize>,
    next_serial: u64,
    accept_again: Option<Instant>,
}

impl ControlServer {
    /// Opens both sockets in the first of `directories` where that is possible.
    pub(in super::super) fn open(registry: &Registry, directories: &[PathBuf]) -> io::Result<Self> {
        let mut failure = io::Error::new(ErrorKind::NotFound, "no directory for the control sockets");
        for directory in directories {
            match open_in(registry, directory) {
                Ok((listeners, made)) => {
                    return Ok(Self {
                        directory: directory.clone(),
                        made,
                        listeners,
                        connections: Slab::new(),
                        ready: VecDeque::new(),
                        next_serial: 0,
                        accept_again: None,
                    });
                }
                Err(error) => {
                    log::debug!("control sockets in {}: {error}", directory.display());
                    failure = io::Error::new(error.kind(), format!("{}: {error}", directory.display()));
                }
            }
        }
        Err(failure)
    }

    /// Where the sockets are.
    pub(in super::super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Takes a readiness event; says whether it was for one of these sockets.
    pub(in super::super) fn handle_event(&mut self, event: &mio::event::Event) -> bool {
        let Some(work) = event.token().0.checked_sub(FIRST_TOKEN) else { return false };
        let connection = work.checked_sub(LISTENERS.len()).and_then(|key| self.connections.get_mut(key));
        if let Some(connection) = connection {
            connection.writable |= event.is_writable();
            connection.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        }
        self.queue(work);
        true
    }

    fn queue(&mut self, work: usize) {
        if !self.ready.contains(&work) {
            self.ready.push_back(work);
        }
    }

    /// There is something left to do.
    pub(in super::super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When to accept again after the descriptors ran out.
    pub(in super::super) const fn accept_again(&self) -> Option<Instant> {
        self.accept_again
    }

    /// Accepts, reads and writes a little; returns the next request if one is whole.
    pub(in super::super) fn next_request(
        &mut self,
        now: Instant,
        registry: &Registry,
        counters: &mut Counters,
    ) -> Option<Request> {
        if self.accept_again.is_some_and(|at| now >= at) {
            self.accept_again = None;
            (0..self.listeners.len()).for_each(|listener| self.queue(listener));
        }
        for _ in 0..self.ready.len().min(CONNECTIONS_MAX) {
            let work = self.ready.pop_front()?;
            match work.checked_sub(LISTENERS.len()) {
                None => self.accept(now, work, registry, counters),
                Some(key) => {
                    if let Some(request) = self.serve(now, key, registry) {
                        return Some(request);
                    }
                }
            }
        }
        None
    }

    fn accept(&mut self, now: Instant, listener: usize, registry: &Registry, counters: &mut Counters) {
        let Some((socket, kind)) = self.listeners.get(listener) else { return };
        match socket.accept() {
            Ok((stream, _)) => {
                let control = *kind == Socket::Control;
                self.queue(listener);
                if let Err(error) = self.add(now, stream, control, registry) {
                    counters.count(now, "accept", &error, "");
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => self.queue(listener),
            Err(error) => {
                // Out of descriptors: those who wait stay in the listener's queue.
                counters.count(now, "accept", &error, "");
                self.accept_again = Some(now + ACCEPT_AGAIN);
            }
        }
    }

    fn add(
        &mut self,
        now: Instant,
        mut stream: UnixStream,
        control: bool,
        registry: &Registry,
    ) -> io::Result<()> {
        if self.connections.len() >= CONNECTIONS_MAX {
            self.drop_idlest(registry);
        }
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        let token = Token(FIRST_CONNECTION + key);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.next_serial += 1;
        entry.insert(Connection::new(stream, self.next_serial, control, now));
        self.queue(key + LISTENERS.len());
        Ok(())
    }

    /// Makes room: a connection that has nothing to do goes before one that waits for something, and those of everybody
    /// go before those of the admin.
    fn drop_idlest(&mut self, registry: &Registry) {
        let idlest =
            self.connections.iter().min_by_key(|(_, one)| (one.control, one.is_busy(), one.last_active));
        if let Some(key) = idlest.map(|(key, _)| key) {
            self.close(key, registry);
        }
    }

    fn close(&mut self, key: usize, registry: &Registry) {
        if let Some(mut connection) = self.connections.try_remove(key) {
            // The descriptor is closed right after; a failure here has no consequence.
            let _ = registry.deregister(&mut connection.stream);
        }
    }

    fn serve(&mut self, now: Instant, key: usize, registry: &Registry) -> Option<Request> {
        let connection = self.connections.get_mut(key)?;
        connection.flush();
        let input = connection.next_line();
        let id = ConnectionId { key, serial: connection.serial };
        let control = connection.control;
        match input {
            Input::Nothing => None,
            Input::More => {
                self.queue(key + LISTENERS.len());
                None
            }
            Input::Closed => {
                self.close(key, registry);
                None
            }
            Input::Line(line) => {
                connection.last_active = now;
                self.queue(key + LISTENERS.len());
                match request_body(&line) {
                    Ok(body) => Some(Request { from: id, control, body }),
                    Err(error) => {
                        self.answer(id, Err(error));
                        None
                    }
                }
            }
        }
    }

    fn get(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.get_mut(id.key).filter(|connection| connection.serial == id.serial)
    }

    /// Answers a request, if the one who asked is still there.
    pub(in super::super) fn answer(&mut self, to: ConnectionId, answer: Result<Value, ControlError>) {
        if let Some(connection) = self.get(to) {
            let line = match answer {
                Ok(value) => json!({ "ok": value }),
                Err(error) => error.to_line(),
            };
            connection.send(&line, true);
            self.queue(to.key + LISTENERS.len());
        }
    }

    /// Answers with something long, which is written into the connection's buffer at once.
    pub(in super::super) fn answer_with(&mut self, to: ConnectionId, answer: &impl Serialize) {
        #[derive(Serialize)]
        struct Line<T> {
            ok: T,
        }
        self.send(to, &Line { ok: answer });
    }

    fn send(&mut self, to: ConnectionId, line: &impl Serialize) {
        if let Some(connection) = self.get(to) {
            connection.send(line, true);
            self.queue(to.key + LISTENERS.len());
        }
    }

    /// The answer comes later, or in parts: the connection's next request waits until it is [released](Self::release).
    pub(in super::super) fn hold(&mut self, to: ConnectionId) {
        if let Some(connection) = self.get(to) {
            connection.listing = true;
        }
    }

    /// Whether a connection takes the next page of its list.
    pub(super) fn room(&self, of: ConnectionId) -> Room {
        let connection = self.connections.get(of.key).filter(|one| one.serial == of.serial);
        connection.map_or(Room::Gone, Connection::room)
    }

    /// Sends a page of a list.
    pub(super) fn send_part<R: Serialize>(&mut self, to: ConnectionId, rows: &[R]) {
        #[derive(Serialize)]
        struct Line<'a, R> {
            part: &'a [R],
        }
        if !rows.is_empty() {
            self.send(to, &Line { part: rows });
        }
    }

    /// Gives the answer that was waited for.
    pub(in super::super) fn release(&mut self, to: ConnectionId, answer: Value) {
        if let Some(connection) = self.get(to) {
            connection.listing = false;
        }
        self.answer(to, Ok(answer));
    }

    /// From now on a connection gets bytes, behind an answer.
    pub(in super::super) fn begin_raw(&mut self, to: ConnectionId, answer: Value) {
        self.answer(to, Ok(answer));
        if let Some(connection) = self.get(to) {
            connection.raw = true;
        }
    }

    /// How a connection that gets bytes stands.
    pub(in super::super) fn raw_state(&self, of: ConnectionId) -> RawState {
        let connection = self.connections.get(of.key).filter(|one| one.serial == of.serial);
        match connection.map(|connection| (connection.room(), connection.wants_end())) {
            None | Some((Room::Gone, _)) => RawState::Gone,
            Some((room, ends)) => RawState::There { free: room == Room::Free, ends },
        }
    }

    /// Sends bytes to a connection that has read what it got; gives back an empty buffer.
    pub(in super::super) fn send_raw(&mut self, to: ConnectionId, bytes: &mut Vec<u8>) {
        if let Some(connection) = self.get(to) {
            connection.send_raw(bytes);
            self.queue(to.key + LISTENERS.len());
        }
        bytes.clear();
    }

    /// There are no more bytes.
    pub(in super::super) fn end_raw(&mut self, to: ConnectionId) {
        if let Some(connection) = self.get(to) {
            connection.end_raw();
            self.queue(to.key + LISTENERS.len());
        }
    }

    /// Lets a connection have the events of `realm`, or all.
    pub(in super::super) fn subscribe(&mut self, to: ConnectionId, realm: Option<String>) {
        if let Some(connection) = self.get(to) {
            connection.stream_of = Some(realm);
        }
    }

    /// Gives an event of a realm, or of all, to those who listen. A reader that is too slow misses some and is told to
    /// look again.
    pub(in super::super) fn publish(&mut self, seq: u64, realm: Option<&str>, event: &impl Serialize) {
        #[derive(Serialize)]
        struct Line<'a, T> {
            event: &'a T,
        }
        // What is sent always becomes JSON.
        let mut line = serde_json::to_vec(&Line { event }).unwrap_or_default();
        line.push(b'\n');
        let mut wake = Vec::new();
        for (key, connection) in &mut self.connections {
            let wants = match &connection.stream_of {
                None => false,
                Some(None) => true,
                Some(Some(wanted)) => realm.is_none_or(|realm| realm == wanted),
            };
            if wants {
                connection.send_event(seq, &line);
                wake.push(key + LISTENERS.len());
            }
        }
        wake.into_iter().for_each(|work| self.queue(work));
    }

    /// Somebody listens to events.
    pub(in super::super) fn has_subscribers(&self) -> bool {
        self.connections.iter().any(|(_, connection)| connection.stream_of.is_some())
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        for (kind, _) in LISTENERS {
            // Whoever comes next sees at once that nobody is there.
            let _ = fs::remove_file(self.directory.join(kind.file_name()));
        }
        if self.made {
            let _ = fs::remove_dir(&self.directory);
        }
    }
}

/// The listeners, and whether the directory was made for them.
fn open_in(registry: &Registry, directory: &Path) -> io::Result<(Vec<(UnixListener, Socket)>, bool)> {
    let made = make_directory(directory)?;
    let mut listeners = Vec::new();
    for (index, (kind, mode)) in LISTENERS.into_iter().enumerate() {
        let path = directory.join(kind.file_name());
        // The state directory's lock is ours, so nobody of ours is here; but the directory may be shared.
        if UnixStream::connect(&path).is_ok() {
            return Err(io::Error::new(ErrorKind::AddrInUse, "another daemon has its sockets there"));
        }
        let _ = fs::remove_file(&path);
        let mut listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
        registry.register(&mut listener, Token(FIRST_TOKEN + index), Interest::READABLE)?;
        listeners.push((listener, kind));
    }
    Ok((listeners, made))
}

/// Makes the directory and its parent; both must be ours (or the system's), for whoever owns them can put another
/// socket in the place of ours. Says whether the directory is new.
fn make_directory(directory: &Path) -> io::Result<bool> {
    let mut made = false;
    for path in [directory.parent(), Some(directory)].into_iter().flatten() {
        made = match fs::DirBuilder::new().mode(0o755).create(path) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error),
        };
        let meta = fs::symlink_metadata(path)?;
        let owner = meta.uid();
        if !(meta.is_dir() && (owner == 0 || owner == sys::effective_uid())) {
            return Err(io::Error::new(ErrorKind::PermissionDenied, "belongs to another user"));
        }
    }
    Ok(made)
}

/// Reads what is there into `buffer`, without waiting; `Ok(0)` is the end.
pub(super) fn read_some(stream: &mut UnixStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests;
