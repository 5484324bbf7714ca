//! The end of a process: it hands over to a successor, and goes (spec 10.10).

use super::action::Action;
use super::machine::Cluster;
use crate::ident::{Process, ServerId};
use crate::limits::{STOP_ACK_WAIT, STOP_DONE, STOP_MAX, STOP_REDIRECT};
use crate::time::Instant;
use crate::transport::CloseCode;
use crate::wire::peer::{Done, PeerMessage, Phase, Stop, StopAck};

/// What a link is closed with at the end.
const STOPPED: CloseCode = CloseCode(0x100);

/// A stop that was asked for.
#[derive(Debug)]
pub(super) struct Stopping {
    /// It ends then, whatever is missing.
    until: Instant,
    /// Who was asked to take over, the last one included.
    asked: Vec<ServerId>,
    step: Step,
    /// Who has everything, and was told that this was all.
    done: Option<Process>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// STOP is sent; who does not answer by then does not take over.
    Asking(Process, Instant),
    /// It takes over, and does not have everything yet.
    HandingOver(Process),
    /// It has everything, and hosts are sent to it, at least until then; the revision, as long as all is confirmed.
    Redirecting(Process, Instant, Option<u64>),
    /// DONE is sent: it closes the link, or that is not waited for any longer.
    Parting(Process, Instant),
    Ended,
}

impl Step {
    const fn successor(self) -> Option<Process> {
        match self {
            Self::Asking(process, _)
            | Self::HandingOver(process)
            | Self::Redirecting(process, ..)
            | Self::Parting(process, _) => Some(process),
            Self::Ended => None,
        }
    }
}

impl Cluster {
    /// Hands over and ends: [`Action::Stopped`] follows within 5 s, at once if nobody can take over, or if this is said a
    /// second time (R-PEE-85, R-PEE-86, R-PEE-88).
    pub fn stop(&mut self, now: Instant) {
        let serves = matches!(self.own.phase, Phase::Operating | Phase::Synchronising);
        if !serves {
            self.enter(now, Phase::Stopping);
            return self.end();
        }
        self.log("stops".into());
        self.enter(now, Phase::Stopping);
        self.asked = None;
        self.ask_successor(now, Vec::new(), now + STOP_MAX);
        self.settle(now);
    }

    /// How far the successor is: the revision if it has confirmed everything, none if something came since. To be called
    /// after [`Action::HandOver`] whenever that changes.
    pub fn handed_over(&mut self, now: Instant, revision: Option<u64>) {
        let Some(stopping) = &mut self.stopping else { return };
        match (stopping.step, revision) {
            (Step::HandingOver(successor), Some(_)) => {
                stopping.step = Step::Redirecting(successor, now + STOP_REDIRECT, revision);
                self.actions.push_back(Action::HandOver { successor, complete: true });
            }
            (Step::Redirecting(successor, until, _), _) => {
                stopping.step = Step::Redirecting(successor, until, revision);
            }
            _ => return,
        }
        self.settle(now);
    }

    /// Who would take over if this HMS stopped now (R-PEE-85).
    pub fn successor(&self) -> Option<Process> {
        let serves = matches!(self.own.phase, Phase::Operating | Phase::Synchronising);
        let successor = self.reach().successor(&[]).filter(|_| serves)?;
        self.takes_over(successor).then_some(successor)
    }

    /// Who has confirmed everything, and was told that this was all.
    pub fn handed_over_to(&self) -> Option<Process> {
        self.stopping.as_ref()?.done
    }

    /// It has ended: nothing is said or done any more.
    pub(super) fn has_stopped(&self) -> bool {
        self.stopping.as_ref().is_some_and(|stopping| matches!(stopping.step, Step::Ended))
    }

    /// Asks the next one that may take over; ends if there is none.
    fn ask_successor(&mut self, now: Instant, mut asked: Vec<ServerId>, until: Instant) {
        let Some(successor) = self.reach().successor(&asked) else { return self.end() };
        let Some(link) = self.links.get(&successor.server).map(|one| one.link) else { return self.end() };
        asked.push(successor.server);
        let step = Step::Asking(successor, now + STOP_ACK_WAIT);
        self.stopping = Some(Stopping { until, asked, step, done: None });
        let mut message = Vec::new();
        PeerMessage::Stop(Stop).emit(&mut message);
        self.send(link, message);
    }

    /// Goes on with what is due.
    pub(super) fn progress_stop(&mut self, now: Instant) {
        let Some(Stopping { until, asked, step, .. }) = &self.stopping else { return };
        let (until, step) = (*until, *step);
        let Some(successor) = step.successor() else { return };
        let is_there = self.takes_over(successor);
        match step {
            _ if now >= until => self.end(),
            Step::Parting(_, at) if now >= at || !is_there => self.end(),
            Step::Asking(_, again) if now >= again || !is_there => {
                self.ask_successor(now, asked.clone(), until);
            }
            Step::HandingOver(_) | Step::Redirecting(..) if !is_there => {
                self.ask_successor(now, asked.clone(), until);
            }
            Step::Redirecting(_, at, Some(revision)) if now >= at => {
                self.say_done(successor, revision);
                self.stopping = Some(Stopping {
                    until,
                    asked: Vec::new(),
                    step: Step::Parting(successor, now + STOP_DONE),
                    done: Some(successor),
                });
            }
            _ => {}
        }
    }

    /// It is still a neighbour, that very process, and does not stop itself.
    fn takes_over(&self, successor: Process) -> bool {
        let neighbour = self.links.get(&successor.server).filter(|one| one.process == successor);
        neighbour.is_some_and(|one| {
            one.is_up() && matches!(one.standing().phase, Phase::Operating | Phase::Synchronising)
        })
    }

    fn say_done(&mut self, successor: Process, revision: u64) {
        let Some(link) = self.links.get(&successor.server).map(|one| one.link) else { return };
        let mut message = Vec::new();
        PeerMessage::Done(Done { revision }).emit(&mut message);
        self.send(link, message);
    }

    /// The end: all links close.
    fn end(&mut self) {
        if self.has_stopped() {
            return;
        }
        let (until, done) = (Instant::FAR, self.handed_over_to());
        self.stopping = Some(Stopping { until, asked: Vec::new(), step: Step::Ended, done });
        self.set_hosts();
        let links = std::mem::take(&mut self.links).into_values().map(|one| one.link);
        let guests = std::mem::take(&mut self.guests).into_keys();
        let kin = std::mem::take(&mut self.kin).into_keys();
        for link in links.chain(guests).chain(kin) {
            self.actions.push_back(Action::Close { link, code: STOPPED, reason: String::new() });
        }
        self.actions.push_back(Action::Stopped);
    }

    /// When [`Self::progress_stop`] has something to do.
    pub(super) fn next_stop(&self) -> Option<Instant> {
        let stopping = self.stopping.as_ref()?;
        let next = match stopping.step {
            Step::Asking(_, at) | Step::Parting(_, at) | Step::Redirecting(_, at, Some(_)) => at,
            Step::HandingOver(_) | Step::Redirecting(_, _, None) => stopping.until,
            Step::Ended => return None,
        };
        Some(next.min(stopping.until))
    }

    /// A neighbour stops, and asks this one to take over (R-PEE-85).
    pub(super) fn take_stop(&mut self, server: ServerId) {
        let Some(link) = self.links.get(&server).map(|neighbour| neighbour.link) else { return };
        if matches!(self.own.phase, Phase::Operating | Phase::Synchronising) {
            let mut message = Vec::new();
            PeerMessage::StopAck(StopAck).emit(&mut message);
            self.send(link, message);
        }
    }

    /// The one that was asked last takes over.
    pub(super) fn take_stop_ack(&mut self, server: ServerId) {
        let Some(stopping) = &mut self.stopping else { return };
        if let Step::Asking(successor, _) = stopping.step
            && successor.server == server
        {
            stopping.step = Step::HandingOver(successor);
            self.log(format!("hands over to HMS {server}"));
            self.actions.push_back(Action::HandOver { successor, complete: false });
        }
    }

    /// A neighbour has handed over everything and goes: it is down from now on, and may come back.
    pub(super) fn take_done(&mut self, server: ServerId) {
        let Some(neighbour) = self.links.get(&server) else { return };
        if neighbour.standing().phase == Phase::Stopping {
            self.close(neighbour.link, STOPPED, "handed over");
        }
    }
}
