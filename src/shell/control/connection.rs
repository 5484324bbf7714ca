//! One connection of a control socket: lines in, lines out, both bounded.

use std::io::{ErrorKind, Write};

use mio::net::UnixStream;
use serde::Serialize;
use serde_json::json;

use super::ControlError;
use super::EXIT_USAGE;
use super::lines::{LINE_MAX, Lines};
use super::listings::Room;
use super::server::read_some;
use crate::time::Instant;

/// Events that wait for a slow reader, in bytes; beyond that they are dropped.
const EVENTS_MAX: usize = 1 << 20;
/// Answers that wait for a reader before the next request is read.
const ANSWERS_MAX: usize = 64 << 10;
/// Events are written together, so many bytes at a time at least.
const WRITE: usize = 64 << 10;
/// What is read in one go.
const READ: usize = 16 << 10;

/// What a connection has for us.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// Nothing until the next event.
    Nothing,
    /// Something, but not yet a line.
    More,
    /// A request without its end of line.
    Line(Vec<u8>),
    /// The end.
    Closed,
}

/// One client.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: UnixStream,
    pub(super) serial: u64,
    pub(super) control: bool,
    pub(super) last_active: Instant,
    /// Gets the events of a realm, or of all.
    pub(super) stream_of: Option<Option<String>>,
    /// A list is on its way.
    pub(super) listing: bool,
    /// It gets bytes instead of lines, until it says that it wants no more by ending its half.
    pub(super) raw: bool,
    pub(super) readable: bool,
    pub(super) writable: bool,
    input: Lines,
    output: Vec<u8>,
    written: usize,
    /// Events that were dropped: the reader has to look again.
    missed: u64,
    /// Nothing more is read; what waits is still written.
    ending: bool,
    broken: bool,
}

impl Connection {
    pub(super) const fn new(stream: UnixStream, serial: u64, control: bool, now: Instant) -> Self {
        Self {
            stream,
            serial,
            control,
            last_active: now,
            stream_of: None,
            listing: false,
            raw: false,
            // A new socket's first event may have come already.
            readable: true,
            writable: true,
            input: Lines::new(),
            output: Vec::new(),
            written: 0,
            missed: 0,
            ending: false,
            broken: false,
        }
    }

    /// It has something to write, or listens to events.
    pub(super) const fn is_busy(&self) -> bool {
        self.stream_of.is_some() || self.listing || self.raw || !self.is_flushed()
    }

    /// Bytes that wait for the reader.
    #[cfg(test)]
    pub(super) const fn waiting(&self) -> usize {
        self.output.len() - self.written
    }

    /// Whether it takes the next page of a list.
    pub(super) const fn room(&self) -> Room {
        match (self.broken, self.is_flushed()) {
            (true, _) => Room::Gone,
            (_, true) => Room::Free,
            _ => Room::Full,
        }
    }

    /// All that was to be sent is sent.
    pub(super) const fn is_flushed(&self) -> bool {
        self.broken || self.written == self.output.len()
    }

    /// The next request, if it is whole.
    pub(super) fn next_line(&mut self) -> Input {
        if self.raw {
            return self.until_end();
        }
        if self.broken || (self.ending && !self.listing && self.is_flushed()) {
            return Input::Closed;
        }
        if self.listing || self.ending || self.output.len() - self.written > ANSWERS_MAX {
            return Input::Nothing;
        }
        if let Some(line) = self.input.next_line() {
            return Input::Line(line);
        }
        if !self.readable {
            return Input::Nothing;
        }
        let mut buffer = [0; READ];
        match read_some(&mut self.stream, &mut buffer) {
            // Half-closed is fine: `echo '{"cmd":"status"}' | nc -U` wants its answer. But a reader of events that
            // goes away is gone.
            Ok(0) => {
                self.ending = true;
                if self.stream_of.is_some() || self.is_flushed() { Input::Closed } else { Input::Nothing }
            }
            Ok(count) => {
                self.input.push(buffer.get(..count).unwrap_or_default());
                self.after_reading()
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Input::Nothing
            }
            Err(_) => Input::Closed,
        }
    }

    /// What is said by who gets bytes has no meaning but its end.
    fn until_end(&mut self) -> Input {
        let mut buffer = [0; READ];
        while self.readable && !self.ending {
            match read_some(&mut self.stream, &mut buffer) {
                Ok(0) => self.ending = true,
                Ok(_) => return Input::More,
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(_) => self.broken = true,
            }
            if self.broken {
                break;
            }
        }
        if self.broken { Input::Closed } else { Input::Nothing }
    }

    /// Whether it gets bytes and wants no more of them.
    pub(super) const fn wants_end(&self) -> bool {
        self.ending
    }

    /// Sends bytes, where nothing waits; what it was given has the room of what was sent before.
    pub(super) fn send_raw(&mut self, bytes: &mut Vec<u8>) {
        std::mem::swap(&mut self.output, bytes);
        self.written = 0;
        self.flush();
    }

    /// It got all: it is closed when it has read it.
    pub(super) const fn end_raw(&mut self) {
        (self.raw, self.ending) = (false, true);
    }

    fn after_reading(&mut self) -> Input {
        if let Some(line) = self.input.next_line() {
            return Input::Line(line);
        }
        if self.input.is_too_long() {
            let message = format!("a request has at most {LINE_MAX} bytes");
            self.send(&ControlError::new(EXIT_USAGE, message).to_line(), true);
            self.ending = true;
        }
        Input::More
    }

    /// Queues a line and writes what the socket takes.
    pub(super) fn send(&mut self, line: &impl Serialize, flush: bool) {
        // Writing to memory cannot fail, and what is sent always becomes JSON.
        let _ = serde_json::to_writer(&mut self.output, line);
        self.output.push(b'\n');
        if flush {
            self.flush();
        }
    }

    /// Queues an event, a line that is ready to be sent, unless the reader is too far behind.
    pub(super) fn send_event(&mut self, seq: u64, line: &[u8]) {
        if self.output.len() - self.written >= WRITE {
            self.flush();
        }
        let behind = self.output.len() - self.written > EVENTS_MAX;
        if behind || (self.missed > 0 && !self.is_flushed()) {
            self.missed = self.missed.saturating_add(1);
            return;
        }
        if self.missed > 0 {
            let missed = std::mem::take(&mut self.missed);
            let event = json!({"seq": seq, "event": "resync", "row": null, "missed": missed});
            self.send(&json!({ "event": event }), false);
        }
        self.output.extend_from_slice(line);
    }

    /// Writes what the socket takes.
    pub(super) fn flush(&mut self) {
        while self.writable && !self.is_flushed() {
            match self.stream.write(self.output.get(self.written..).unwrap_or_default()) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.broken = true,
            }
        }
        if self.is_flushed() {
            self.output.clear();
            self.written = 0;
            self.output.shrink_to(WRITE);
        }
    }
}
