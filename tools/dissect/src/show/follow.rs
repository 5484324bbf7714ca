//! The ladder of one host's life: the host on the left, HMSs on the right, time downwards. Of a link between HMSs: who
//! began it on the left.

use std::net::SocketAddr;

use crate::datagram::{Datagram, Family};
use crate::tree::seconds;

use super::{clock, line};

/// Silence that is shown as a gap.
const GAP: i128 = 2_000_000_000;
const ARROW: usize = 34;

/// What was drawn last.
#[derive(Default)]
pub(crate) struct Ladder {
    ends: Option<(SocketAddr, SocketAddr)>,
    last: Option<i128>,
    session: Option<u64>,
    steps: u64,
}

impl Ladder {
    pub(crate) const fn is_empty(&self) -> bool {
        self.steps == 0
    }

    pub(crate) fn datagram(&mut self, datagram: &Datagram) -> String {
        let captured = &datagram.captured;
        let from_host = datagram.goes_right();
        let ends = if from_host {
            (captured.source, captured.destination)
        } else {
            (captured.destination, captured.source)
        };
        let mut text = String::new();
        if let Some(gap) =
            captured.time.zip(self.last).map(|(now, last)| now - last).filter(|gap| *gap >= GAP)
        {
            let gap = seconds(gap);
            let gap = gap.split_once('.').map_or(gap.as_str(), |(whole, _)| whole);
            text.push_str(&format!("{:>22}│{:^ARROW$}│\n", format!("{gap} s"), ""));
        }
        if self.ends != Some(ends) {
            let (host, hms) = ends;
            let what = if datagram.family == Family::Link { "HMS" } else { "host" };
            text.push_str(&format!("{:>22} {:>w$} HMS {hms}\n", format!("{what} {host}"), "", w = ARROW));
        }
        if let Some(session) = datagram.session().filter(|session| self.session != Some(session.0)) {
            text.push_str(&format!("{:>22}│{:^ARROW$}│\n", "", format!("session {session}")));
            self.session = Some(session.0);
        }
        text.push_str(&step(datagram, from_host));
        (self.ends, self.last, self.steps) = (Some(ends), captured.time.or(self.last), self.steps + 1);
        text
    }
}

fn step(datagram: &Datagram, from_host: bool) -> String {
    let label = format!(" {} {} ", datagram.type_text(), line::sequence(datagram));
    let rest = "─".repeat(ARROW.saturating_sub(label.chars().count() + 2));
    let arrow = if from_host { format!("─{label}{rest}►") } else { format!("◄{rest}{label}─") };
    let took = match datagram.related.response_to {
        Some((_, Some(took))) => format!("  ({})", line::milliseconds(took)),
        _ => String::new(),
    };
    let (time, words) = (clock(datagram.captured.time), &datagram.words);
    format!("{:>6} {time}│{arrow}│ {words}{took}{}\n", datagram.captured.frame, line::remarks(datagram))
}
