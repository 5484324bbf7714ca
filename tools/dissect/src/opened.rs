//! Opened copies (11.3): what HMSs said to each other, in datagrams that no HMS takes.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hms::capture::{self, Headers, Packet};

use crate::datagram::{Captured, Datagram};
use crate::fields::names;
use crate::links::{HEADER, stream_name};
use crate::tree::plural;

/// A packet whose frames can be read.
pub(crate) const PACKET: u8 = 0x2e;
/// A message, whole.
pub(crate) const MESSAGE: u8 = 0x2f;
/// In place of the tag: no tag is so by chance.
const MARK: &[u8; 16] = b"hms opened copy\n";
const VERSION: u8 = 1;
/// Offset, session and stream of a message.
const MESSAGE_HEAD: usize = 17;

/// Whether it is a datagram of an opened copy.
pub(crate) fn is(bytes: &[u8]) -> bool {
    matches!(bytes, [VERSION, PACKET | MESSAGE, ..])
        && bytes.len() >= MESSAGE_HEAD + MARK.len()
        && bytes.ends_with(MARK)
}

/// What it says, in words.
pub(crate) fn words(bytes: &[u8]) -> String {
    let number = |at: usize| {
        let bytes = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied();
        u64::from_be_bytes(bytes.unwrap_or_default())
    };
    let (low, session) = (number(0) & 0xffff_ffff_ffff, number(8));
    let left = |head: usize| plural(bytes.len().saturating_sub(head + MARK.len()), "byte");
    match bytes.get(1) {
        Some(&MESSAGE) => {
            let code = bytes.get(MESSAGE_HEAD).copied().unwrap_or_default();
            let name = names::PEER_TYPE.meaning(u64::from(code)).unwrap_or("message of unknown type");
            let stream = stream_name(bytes.get(HEADER).copied().unwrap_or_default());
            format!("{name}, {}, {stream} {low}, to session {session:016x}", left(MESSAGE_HEAD))
        }
        _ => format!("packet {low} to session {session:016x}, {} opened", left(HEADER)),
    }
}

/// The datagrams that stand in a copy for this one.
pub(crate) fn datagrams(datagram: &Datagram) -> Vec<Vec<u8>> {
    let Some(opened) = &datagram.opened else { return vec![datagram.captured.bytes.clone()] };
    let mut packet = opened.bytes.clone();
    packet.truncate(packet.len().saturating_sub(MARK.len()));
    packet.iter_mut().skip(1).take(1).for_each(|kind| *kind = PACKET);
    packet.extend_from_slice(MARK);
    let session = packet.get(8..HEADER).unwrap_or_default().to_vec();
    let mut all = vec![packet];
    for message in &opened.messages {
        let mut bytes = vec![VERSION, MESSAGE];
        bytes.extend_from_slice(message.offset.to_be_bytes().get(2..).unwrap_or_default());
        bytes.extend_from_slice(&session);
        bytes.push(message.stream.code());
        bytes.extend_from_slice(&message.bytes);
        bytes.extend_from_slice(MARK);
        all.push(bytes);
    }
    all
}

/// The file that is written; for its owner alone.
pub(crate) struct Copy {
    out: BufWriter<File>,
    path: PathBuf,
    block: Vec<u8>,
    left_out: u64,
}

impl Copy {
    pub(crate) fn create(path: &Path, force: bool) -> Result<Self, String> {
        let fail = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        if force && path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            // A new file has the rights that it should have, whatever those of the old one are.
            std::fs::remove_file(path).map_err(|error| fail(&error))?;
        }
        let file = options.open(path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => fail(&"is there already; --force overwrites it"),
            _ => fail(&error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase()),
        })?;
        let mut block = Vec::new();
        let comment = "opened by hms-dissect: links between HMSs can be read in it. Nothing in it proves anything, and \
                       it holds secrets: keep it like a key";
        capture::section(&mut block, concat!("hms-dissect ", env!("CARGO_PKG_VERSION")), comment);
        capture::interface(&mut block, "", "");
        let mut copy = Self { out: BufWriter::new(file), path: path.to_owned(), block, left_out: 0 };
        copy.flush_block()?;
        Ok(copy)
    }

    fn flush_block(&mut self) -> Result<(), String> {
        let written = self.out.write_all(&self.block);
        self.block.clear();
        written.map_err(|error| format!("{}: {error}", self.path.display()))
    }

    /// Writes a datagram, opened or as it was.
    pub(crate) fn datagram(&mut self, datagram: &Datagram) -> Result<(), String> {
        let Captured { source, destination, frame, time, flags, .. } = &datagram.captured;
        for bytes in datagrams(datagram) {
            let Some(headers) = Headers::new(*source, *destination, &bytes) else {
                self.left_out += 1;
                continue;
            };
            let comment = match datagram.opened {
                Some(_) => format!("opened: from frame {frame}"),
                None => String::new(),
            };
            capture::packet(
                &mut self.block,
                &Packet {
                    interface: 0,
                    time: time.and_then(|time| u64::try_from(time).ok()).unwrap_or(0),
                    flags: *flags,
                    parts: [headers.as_bytes(), &bytes],
                    comment: &comment,
                    lost: 0,
                },
            );
            self.flush_block()?;
        }
        Ok(())
    }

    pub(crate) fn end(mut self) -> Result<(), String> {
        if self.left_out > 0 {
            let what = plural(usize::try_from(self.left_out).unwrap_or(usize::MAX), "message");
            eprintln!("hms-dissect: {}: {what} longer than a datagram left out", self.path.display());
        }
        self.out.flush().map_err(|error| format!("{}: {error}", self.path.display()))
    }
}
