//! Data to stdout, everything else to stderr.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;
use serde_json::value::RawValue;

use super::fail::{NO, OK};
use crate::ident;

/// Prints a line of data. A reader that went away (`| head`) ends the command quietly.
pub(super) fn line(text: impl Display) {
    let mut out = io::stdout().lock();
    written(writeln!(out, "{text}").and_then(|()| out.flush()));
}

fn written(result: io::Result<()>) {
    if let Err(error) = result {
        if error.kind() == io::ErrorKind::BrokenPipe {
            std::process::exit(OK.into());
        }
        note(format_args!("cannot write to stdout: {error}"));
        std::process::exit(NO.into());
    }
}

/// Prints data for a person, with its line ends. Nothing hides in it.
pub(super) fn text(text: &str) {
    line(visible(text.strip_suffix('\n').unwrap_or(text), person));
}

/// Prints what is not data. That nobody reads it is no reason to stop.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", visible(&text.to_string(), person));
}

/// The text with the characters that one does not see, or that turn the order of others, written in another way.
/// Names with them are refused (R-FMT-10), but not everything that is shown is a name, or came from an HMS that is as
/// strict.
fn visible(text: &str, written: fn(char) -> String) -> String {
    let hidden: BTreeSet<char> = ident::hidden(text).collect();
    hidden.into_iter().fold(text.to_owned(), |text, c| text.replace(c, &written(c)))
}

fn person(c: char) -> String {
    c.escape_unicode().to_string()
}

/// What is not seen only stands within strings.
fn json_escape(c: char) -> String {
    c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// Prints JSON that a daemon wrote, on one line.
pub(super) fn raw(json: &str) {
    line(visible(json, json_escape));
}

/// Prints such lines as one JSON array, one element a line for a person who looks on.
pub(super) fn raw_array(lines: &[Box<RawValue>]) {
    let between = if io::stdout().is_terminal() { ",\n " } else { "," };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut write = || -> io::Result<()> {
        out.write_all(b"[")?;
        for (at, line) in lines.iter().enumerate() {
            let between = if at == 0 { "" } else { between };
            write!(out, "{between}{}", visible(line.get(), json_escape))?;
        }
        out.write_all(b"]\n")?;
        out.flush()
    };
    written(write());
}

/// Prints one JSON value on one line.
pub(super) fn json_line(value: &Value) {
    raw(&value.to_string());
}

/// Prints one JSON value for a program, indented for a person who looks on.
pub(super) fn json(value: &Value) {
    raw(&if io::stdout().is_terminal() { format!("{value:#}") } else { value.to_string() });
}

/// Whether stdout may have colours.
pub(super) fn colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// How a word is to look on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Plain,
    Bold,
    Dim,
    Green,
    Yellow,
    Red,
}

impl Look {
    /// The text in this look, if `colours`.
    pub(super) fn paint(self, text: &str, colours: bool) -> String {
        let code = match self {
            Self::Plain => return text.to_owned(),
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Red => "31",
        };
        if colours && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_in_what_is_shown() {
        assert_eq!(visible("al\u{202e}ice\n\u{1b}[32mup", person), "al\\u{202e}ice\n\u{1b}[32mup");
        assert_eq!(visible("Zoë 👩\u{200d}💻", person), "Zoë 👩\u{200d}💻");
        let json = visible("{\"user\":\"a\u{202e}b\u{e0001}\"}", json_escape);
        assert_eq!(json, "{\"user\":\"a\\u202eb\\udb40\\udc01\"}");
        let back: Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(back["user"], "a\u{202e}b\u{e0001}");
    }
}
