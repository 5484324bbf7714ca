//! The fields of one datagram, in the order of its bytes.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::fields::names::{Field, Type};

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// A subtree.
    None,
    Uint(u64),
    Bool(bool),
    Ipv4(Ipv4Addr),
    Ipv6(Ipv6Addr),
    Text(String),
    Bytes(Vec<u8>),
    /// Seconds from one datagram to another.
    Nanos(i128),
}

/// One field of a datagram.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) field: &'static Field,
    pub(crate) value: Value,
    /// Offset in the datagram and length; nothing if it was found out and not read.
    pub(crate) at: Option<(usize, usize)>,
    /// The offset is one in this message, of those that are whole with the datagram.
    pub(crate) message: Option<usize>,
    /// The node that it belongs to.
    pub(crate) parent: Option<usize>,
    /// What is said beside the value.
    pub(crate) note: Option<String>,
}

impl Node {
    /// The value as Wireshark writes it.
    pub(crate) fn text(&self) -> String {
        match &self.value {
            Value::None => String::new(),
            Value::Uint(value) => match self.field.kind.hex_digits() {
                Some(digits) => format!("0x{value:0digits$x}"),
                None => value.to_string(),
            },
            Value::Bool(value) => u8::from(*value).to_string(),
            Value::Ipv4(ip) => ip.to_string(),
            Value::Ipv6(ip) => ip.to_string(),
            Value::Text(text) => text.clone(),
            Value::Bytes(bytes) => colons(bytes),
            Value::Nanos(nanos) => seconds(*nanos),
        }
    }

    /// The value as people read it.
    pub(crate) fn show(&self) -> String {
        let plain = match &self.value {
            Value::Uint(code) => match self.field.meaning(*code) {
                Some(name) => format!("{name} ({})", self.text()),
                None if self.field.values.is_some() => format!("unknown ({})", self.text()),
                None => self.text(),
            },
            Value::Bool(value) => if *value { "yes" } else { "no" }.to_owned(),
            Value::Bytes(bytes) => format!("{} ({})", shortened(bytes), plural(bytes.len(), "byte")),
            Value::Text(text) => text.escape_debug().to_string(),
            Value::Nanos(nanos) => format!("{} s", seconds(*nanos)),
            _ => self.text(),
        };
        match &self.note {
            Some(note) if plain.is_empty() => note.clone(),
            Some(note) => format!("{plain}  {note}"),
            None => plain,
        }
    }
}

/// The fields of one datagram.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
}

impl Tree {
    /// Adds a field behind all others and says which it is.
    pub(crate) fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Adds a field that stands in no byte.
    pub(crate) fn found(&mut self, field: &'static Field, value: Value) {
        self.push(Node { field, value, at: None, message: None, parent: None, note: None });
    }

    /// How deep a node lies.
    pub(crate) fn depth(&self, node: &Node) -> usize {
        std::iter::successors(node.parent, |parent| self.nodes.get(*parent).and_then(|node| node.parent))
            .count()
    }

    /// The first value of a field that is a number.
    #[cfg(test)]
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.nodes.iter().filter(|node| node.field.name == name).map(Node::text).collect()
    }
}

/// Walks the bytes of a datagram and adds fields; each step ends the walk when the bytes end.
pub(crate) struct Walk<'a, 't> {
    bytes: &'a [u8],
    at: usize,
    /// Behind the last byte that belongs to the part that is walked.
    end: usize,
    parent: Option<usize>,
    tree: &'t mut Tree,
}

impl<'a, 't> Walk<'a, 't> {
    /// From the first byte of a datagram on.
    pub(crate) fn new(bytes: &'a [u8], tree: &'t mut Tree) -> Self {
        Self { bytes, at: 0, end: bytes.len(), parent: None, tree }
    }

    pub(crate) const fn left(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    /// The walk over the next bytes, up to `keep` bytes before the end, as a part of its own.
    pub(crate) fn until_last(&mut self, keep: usize) -> Walk<'a, '_> {
        let end = self.end.saturating_sub(keep).max(self.at);
        let part = Walk { bytes: self.bytes, at: self.at, end, parent: self.parent, tree: self.tree };
        self.at = end;
        part
    }

    /// The next bytes without a step.
    pub(crate) fn peek(&self, length: usize) -> Option<&'a [u8]> {
        if length > self.left() { None } else { self.bytes.get(self.at..self.at + length) }
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let bytes = self.peek(length)?;
        self.at += length;
        Some(bytes)
    }

    fn add(&mut self, field: &'static Field, value: Value, length: usize) {
        let at = Some((self.at - length, length));
        self.tree.push(Node { field, value, at, message: None, parent: self.parent, note: None });
    }

    /// An integer of so many bytes.
    pub(crate) fn uint_of(&mut self, field: &'static Field, length: usize) -> Option<u64> {
        let value = self.take(length)?.iter().fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        self.add(field, Value::Uint(value), length);
        Some(value)
    }

    /// An integer of its type's length.
    pub(crate) fn uint(&mut self, field: &'static Field) -> Option<u64> {
        let length = match field.kind {
            Type::Uint8 | Type::Uint8Hex => 1,
            Type::Uint16 => 2,
            Type::Uint32 | Type::Uint32Hex => 4,
            _ => 8,
        };
        self.uint_of(field, length)
    }

    /// Integers, one behind the other.
    pub(crate) fn uints(&mut self, fields: &[&'static Field]) -> Option<()> {
        fields.iter().try_for_each(|field| self.uint(field).map(|_| ()))
    }

    /// A byte with bits that have names.
    pub(crate) fn bits(&mut self, field: &'static Field, bits: &[&'static Field]) -> Option<u8> {
        let value = self.uint(field)? as u8;
        let parent = self.tree.nodes.len() - 1;
        for bit in bits {
            let at = Some((self.at - 1, 1));
            let set = Value::Bool(value & bit.mask != 0);
            self.tree.push(Node {
                field: bit,
                value: set,
                at,
                message: None,
                parent: Some(parent),
                note: None,
            });
        }
        Some(value)
    }

    /// A part of the next byte, which is not stepped over.
    pub(crate) fn masked(&mut self, field: &'static Field) -> Option<u8> {
        let byte = *self.peek(1)?.first()? & field.mask;
        let value =
            if field.kind == Type::Bool { Value::Bool(byte != 0) } else { Value::Uint(u64::from(byte)) };
        self.tree.push(Node {
            field,
            value,
            at: Some((self.at, 1)),
            message: None,
            parent: self.parent,
            note: None,
        });
        Some(byte)
    }

    pub(crate) fn skip(&mut self, length: usize) -> Option<()> {
        self.take(length).map(|_| ())
    }

    pub(crate) fn bytes(&mut self, field: &'static Field, length: usize) -> Option<&'a [u8]> {
        let bytes = self.take(length)?;
        if !bytes.is_empty() {
            self.add(field, Value::Bytes(bytes.to_vec()), length);
        }
        Some(bytes)
    }

    pub(crate) fn text(&mut self, field: &'static Field, length: usize) -> Option<Cow<'a, str>> {
        let text = String::from_utf8_lossy(self.take(length)?);
        self.add(field, Value::Text(text.clone().into_owned()), length);
        Some(text)
    }

    /// All that is left, as text.
    pub(crate) fn text_left(&mut self, field: &'static Field) -> Option<Cow<'a, str>> {
        self.text(field, self.left())
    }

    /// All that is left, as bytes.
    pub(crate) fn bytes_left(&mut self, field: &'static Field) {
        let _ = self.bytes(field, self.left());
    }

    pub(crate) fn ipv4(&mut self, field: &'static Field) -> Option<()> {
        let ip: [u8; 4] = *self.take(4)?.first_chunk()?;
        self.add(field, Value::Ipv4(ip.into()), 4);
        Some(())
    }

    pub(crate) fn ipv6(&mut self, field: &'static Field) -> Option<()> {
        let ip: [u8; 16] = *self.take(16)?.first_chunk()?;
        self.add(field, Value::Ipv6(ip.into()), 16);
        Some(())
    }

    /// A subtree over the next `length` bytes, or over what is left of them. What `walk` leaves is shown as undecoded.
    pub(crate) fn sub(
        &mut self,
        field: &'static Field,
        length: usize,
        walk: impl FnOnce(&mut Walk<'a, '_>) -> Option<String>,
    ) {
        let length = length.min(self.left());
        let at = Some((self.at, length));
        let node = self.tree.push(Node {
            field,
            value: Value::None,
            at,
            message: None,
            parent: self.parent,
            note: None,
        });
        let end = self.at + length;
        let mut part = Walk { bytes: self.bytes, at: self.at, end, parent: Some(node), tree: self.tree };
        let note = walk(&mut part);
        part.undecoded();
        self.at = end;
        if let Some(node) = self.tree.nodes.get_mut(node) {
            node.note = note;
        }
    }

    /// What is left is not as it should be.
    pub(crate) fn undecoded(&mut self) {
        self.bytes_left(crate::fields::names::UNDECODED);
    }
}

/// `c5:61:6b`.
pub(crate) fn colons(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if !text.is_empty() {
            text.push(':');
        }
        add_hex(&mut text, &[*byte]);
    }
    text
}

/// `7 bytes`.
pub(crate) fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn shortened(bytes: &[u8]) -> String {
    match bytes.get(..32) {
        Some(head) if bytes.len() > 36 => {
            if bytes.iter().all(|byte| *byte == 0) {
                "all 0".to_owned()
            } else {
                format!("{}…", hex(head))
            }
        }
        _ => hex(bytes),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    add_hex(&mut text, bytes);
    text
}

/// Adds a number in decimal digits, of which a line has dozens.
pub(crate) fn add_number(text: &mut String, value: u64) {
    text.push_str(itoa::Buffer::new().format(value));
}

/// Adds bytes to a text, in hexadecimal.
pub(crate) fn add_hex(text: &mut String, bytes: &[u8]) {
    let digit = |value: u8| char::from(value + if value < 10 { b'0' } else { b'a' - 10 });
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 0x0f));
    }
}

/// `0.012345000`.
pub(crate) fn seconds(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    format!("{sign}{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}
