//! Lines out of a stream that comes in pieces, and what stands in a request's line.

use serde_json::Value;

use super::{ControlError, EXIT_USAGE};
use crate::host::Change;

/// Longest request.
pub const LINE_MAX: usize = 64 << 10;

/// Collects pieces of a stream and gives out whole lines; each byte is looked at a few times at most, whatever comes.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: Vec<u8>,
    /// So much of the buffer is given out.
    taken: usize,
    /// So far there is no end of line.
    searched: usize,
}

impl Lines {
    /// Nothing came yet.
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), taken: 0, searched: 0 }
    }

    /// The next piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.buffer.drain(..self.taken);
        self.searched -= self.taken;
        self.taken = 0;
        self.buffer.extend_from_slice(piece);
    }

    /// The next whole line that is not blank, without its end.
    pub fn next_line(&mut self) -> Option<Vec<u8>> {
        loop {
            let unseen = self.buffer.get(self.searched..)?;
            let Some(length) = unseen.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                return None;
            };
            let end = self.searched + length;
            let line = self.buffer.get(self.taken..end)?;
            (self.taken, self.searched) = (end + 1, end + 1);
            if !line.trim_ascii().is_empty() {
                return Some(line.to_vec());
            }
        }
    }

    /// What waits for its end of line is longer than any request.
    pub const fn is_too_long(&self) -> bool {
        self.buffer.len() - self.taken > LINE_MAX
    }
}

/// The JSON object of a request's line.
pub fn request_body(line: &[u8]) -> Result<Value, ControlError> {
    let body = serde_json::from_slice::<Value>(line).ok().filter(Value::is_object);
    body.ok_or_else(|| {
        ControlError::new(EXIT_USAGE, "not a JSON object on one line: {\"cmd\": ...}".to_owned())
    })
}

/// `{"changes": {"state": "participating", "service+": ["sip:5060", "h323:1720"]}}`: all or nothing.
pub fn changes(body: &Value) -> Result<Vec<Change>, ControlError> {
    let usage = |message: String| ControlError::new(EXIT_USAGE, message);
    let changes = body.get("changes").and_then(Value::as_object);
    let changes = changes.ok_or_else(|| usage("the request set lacks changes".to_owned()))?;
    let mut parsed = Vec::new();
    for (key, value) in changes {
        let values = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        for value in values {
            parsed.push(Change::parse(key, &as_text(value)).map_err(|error| usage(error.to_string()))?);
        }
    }
    Ok(parsed)
}

/// A value as one writes it behind `=`.
fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_of_blank_lines_is_read_in_linear_time() {
        let mut lines = Lines::default();
        // In quadratic time this takes minutes.
        for _ in 0..1000 {
            lines.push(&[b'\n'; 16 << 10]);
            assert_eq!(lines.next_line(), None);
            assert!(!lines.is_too_long());
        }
        lines.push(b"{}\n \n[");
        assert_eq!(lines.next_line().as_deref(), Some(b"{}".as_slice()));
        assert_eq!(lines.next_line(), None);
        lines.push(&[b'x'; LINE_MAX]);
        assert_eq!(lines.next_line(), None);
        assert!(lines.is_too_long());
    }
}
