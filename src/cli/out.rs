//! Data to stdout, everything else to stderr.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde_json::Value;
use serde_json::value::RawValue;

use super::fail::{NO, OK};

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

/// Prints data that has its line ends.
pub(super) fn text(text: &str) {
    line(text.strip_suffix('\n').unwrap_or(text));
}

/// Prints what is not data. That nobody reads it is no reason to stop.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Prints JSON that a daemon wrote, on one line.
pub(super) fn raw(json: &str) {
    line(json);
}

/// Prints such lines as one JSON array, one element a line for a person who looks on.
pub(super) fn raw_array(lines: &[Box<RawValue>]) {
    let between = if io::stdout().is_terminal() { ",\n " } else { "," };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut write = || -> io::Result<()> {
        out.write_all(b"[")?;
        for (at, line) in lines.iter().enumerate() {
            let between = if at == 0 { "" } else { between };
            write!(out, "{between}{}", line.get())?;
        }
        out.write_all(b"]\n")?;
        out.flush()
    };
    written(write());
}

/// Prints one JSON value for a program, indented for a person who looks on.
pub(super) fn json(value: &Value) {
    if io::stdout().is_terminal() { line(format_args!("{value:#}")) } else { line(value) }
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
