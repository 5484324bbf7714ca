//! One line a datagram.

use crate::datagram::Datagram;
use crate::expert::{self, Severity};
use crate::verify::Verdict;

use super::clock;

/// Time, source, destination, type, user, sequence, what it means, what is remarkable.
pub(crate) fn line(datagram: &Datagram) -> String {
    let captured = &datagram.captured;
    let mut line = format!(
        "{:>5} {} {:>21} → {:<21} {:<10} {:<16} {:<8} {}",
        captured.frame,
        clock(captured.time),
        captured.source.to_string(),
        captured.destination.to_string(),
        datagram.type_text(),
        who(datagram),
        sequence(datagram),
        datagram.words
    );
    if let Some((frame, took)) = datagram.related.response_to {
        match took {
            Some(took) => line.push_str(&format!("  ← {frame}, {}", milliseconds(took))),
            None => line.push_str(&format!("  ← {frame}")),
        }
    }
    line.push_str(&remarks(datagram));
    line
}

/// What is remarkable, and the verdict.
pub(crate) fn remarks(datagram: &Datagram) -> String {
    let mut text = String::new();
    if let Some(finding) = &datagram.finding {
        let mark = if finding.verdict == Verdict::Valid { "✓" } else { "✗" };
        match finding.verdict {
            Verdict::Valid => text.push_str("  [✓]"),
            Verdict::Unauthenticated => text.push_str("  [no proof]"),
            Verdict::Unchecked => text.push_str("  [unchecked]"),
            other => text.push_str(&format!("  [{mark} {}]", other.name())),
        }
    }
    // What the words say already is not said twice.
    let said = [expert::MALFORMED.name, expert::FOREIGN.name, expert::CUT.name, expert::REFUSED.name];
    for expert in datagram.experts.iter().filter(|expert| !said.contains(&expert.remark.name)) {
        let mark = if expert.remark.severity >= Severity::Warn { "!" } else { "·" };
        text.push_str(&format!("  {mark} {}", expert.text));
    }
    text
}

/// The user's name, else the id.
pub(crate) fn who(datagram: &Datagram) -> String {
    match (&datagram.name, datagram.user()) {
        (Some(name), _) => name.escape_debug().to_string(),
        (None, Some(user)) => user.to_string(),
        (None, None) => "-".into(),
    }
}

/// A sequence; a nonce is too long to tell anything.
pub(crate) fn sequence(datagram: &Datagram) -> String {
    match datagram.header() {
        Some(header) if header.session.0 == 0 || header.kind == hms::wire::Kind::Registered => {
            if header.sequence == 0 { "-".into() } else { format!("n {:06x}", header.sequence & 0xff_ffff) }
        }
        Some(header) => format!("#{}", header.sequence),
        None => "-".into(),
    }
}

pub(crate) fn milliseconds(nanos: i128) -> String {
    let micros = nanos.unsigned_abs() / 1000;
    format!("{}{}.{:03} ms", if nanos < 0 { "-" } else { "" }, micros / 1000, micros % 1000)
}
