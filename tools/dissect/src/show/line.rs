//! One line a datagram.

use hms::wire::Kind;

use crate::datagram::Datagram;
use crate::expert::{self, Severity};
use crate::tree::add_hex;
use crate::verify::Verdict;

use super::columns::{self, left, right};

/// Time, source, destination, type, user, sequence, what it means, what is remarkable.
pub(crate) fn line(datagram: &Datagram) -> String {
    let mut text = String::new();
    add(&mut text, datagram);
    text
}

/// Adds the line to a text.
pub(crate) fn add(text: &mut String, datagram: &Datagram) {
    let captured = &datagram.captured;
    right(text, 5, |text| columns::number(text, captured.frame));
    columns::clock(text, captured.time);
    text.push(' ');
    right(text, 21, |text| columns::address(text, captured.source));
    text.push_str("→ ");
    left(text, 21, |text| columns::address(text, captured.destination));
    left(text, 10, |text| text.push_str(&datagram.type_text()));
    left(text, 16, |text| add_who(text, datagram));
    left(text, 8, |text| add_sequence(text, datagram));
    text.push_str(&datagram.words);
    if let Some((frame, took)) = datagram.related.response_to {
        text.push_str("  ← ");
        columns::number(text, frame);
        if let Some(took) = took {
            text.push_str(", ");
            columns::milliseconds(text, took);
        }
    }
    add_remarks(text, datagram);
}

/// What is remarkable, and the verdict.
pub(crate) fn remarks(datagram: &Datagram) -> String {
    let mut text = String::new();
    add_remarks(&mut text, datagram);
    text
}

fn add_remarks(text: &mut String, datagram: &Datagram) {
    if let Some(finding) = &datagram.finding {
        match finding.verdict {
            Verdict::Valid => text.push_str("  [✓]"),
            Verdict::Unauthenticated => text.push_str("  [no proof]"),
            Verdict::Unchecked => text.push_str("  [unchecked]"),
            other => ["  [✗ ", other.name(), "]"].iter().for_each(|part| text.push_str(part)),
        }
    }
    // What the words say already is not said twice.
    let said = [expert::MALFORMED.name, expert::FOREIGN.name, expert::CUT.name, expert::REFUSED.name];
    for expert in datagram.experts.iter().filter(|expert| !said.contains(&expert.remark.name)) {
        text.push_str(if expert.remark.severity >= Severity::Warn { "  ! " } else { "  · " });
        text.push_str(&expert.text);
    }
}

/// The user's name, else the id.
fn add_who(text: &mut String, datagram: &Datagram) {
    match (&datagram.name, datagram.user()) {
        (Some(name), _) => text.extend(name.escape_debug()),
        (None, Some(user)) => add_hex(text, &user.0),
        (None, None) => text.push('-'),
    }
}

/// A sequence; a nonce is too long to tell anything.
pub(crate) fn sequence(datagram: &Datagram) -> String {
    let mut text = String::new();
    add_sequence(&mut text, datagram);
    text
}

fn add_sequence(text: &mut String, datagram: &Datagram) {
    match datagram.header() {
        Some(header) if header.session.0 == 0 || header.kind == Kind::Registered => {
            if header.sequence == 0 {
                text.push('-');
            } else {
                text.push_str(&format!("n {:06x}", header.sequence & 0xff_ffff));
            }
        }
        Some(header) => {
            text.push('#');
            columns::number(text, header.sequence);
        }
        None => text.push('-'),
    }
}

pub(crate) fn milliseconds(nanos: i128) -> String {
    let mut text = String::new();
    columns::milliseconds(&mut text, nanos);
    text
}
