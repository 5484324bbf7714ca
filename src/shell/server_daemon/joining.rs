//! `hms serve --join`: redeems an invitation before it serves (R-PEE-33, R-PEE-34).

use std::net::SocketAddr;

use super::settings::server_settings;
use super::{Config, DaemonError, ServerNotice};
use crate::cluster::{JoinError, MayJoin, may_join};
use crate::ident::{Name, Process};
use crate::net::{Arrival, Interface, Transmit};
use crate::server::{Newcomer, NewcomerSetup};
use crate::shell::control::{EXIT_NO, EXIT_TIMEOUT, EXIT_USAGE};
use crate::shell::engine::{Engine, Machine};
use crate::shell::signals::Wish;
use crate::shell::state_dir::StateDir;
use crate::shell::{entropy, files, interfaces};
use crate::storage::Secrets;
use crate::time::{Duration, Instant, UnixMillis};
use crate::token::Invitation;

/// Exit code of a refusal.
const EXIT_REFUSED: u8 = 4;
/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Machine for Newcomer {
    fn handle_datagram(&mut self, now: Instant, from: SocketAddr, arrival: Arrival, bytes: &[u8]) {
        Self::handle_datagram(self, now, from, arrival, bytes);
    }

    fn handle_timeout(&mut self, now: Instant) {
        Self::handle_timeout(self, now);
    }

    fn poll_output(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Transmit> {
        Self::poll_output(self, now, buf)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Self::poll_timeout(self)
    }

    fn set_interfaces(&mut self, _now: Instant, _interfaces: Vec<Interface>) {}

    fn set_wall(&mut self, _now: Instant, _wall: UnixMillis) {}

    fn lost_input(&mut self, _now: Instant, _span: Duration) {}
}

/// What joining needs of the daemon that starts.
pub(super) struct Start<'a> {
    pub(super) engine: &'a mut Engine,
    pub(super) dir: &'a StateDir,
    pub(super) config: &'a Config,
    pub(super) name: Name,
    pub(super) notify: &'a mut dyn FnMut(ServerNotice),
}

impl Start<'_> {
    /// The secrets of this HMS, with the keys of the cluster that it is invited to, if it is; and whether it was given a
    /// realm just now.
    pub(super) fn secrets(self, invitation: Option<Invitation>) -> Result<(Secrets, bool), DaemonError> {
        let stored = files::load_secrets(self.dir).map_err(DaemonError::usage)?;
        let mut secrets = stored.map_or_else(files::newcomer_secrets, Ok).map_err(DaemonError::usage)?;
        if let Some(invitation) = invitation {
            self.join(&mut secrets, invitation)?;
        }
        let new_realm = files::make_first_realm(&mut secrets).map_err(DaemonError::usage)?;
        Ok((secrets, new_realm))
    }

    /// Makes this HMS a member, with the cluster's keys on disk; one that is a member stays as it is.
    fn join(mut self, secrets: &mut Secrets, invitation: Invitation) -> Result<(), DaemonError> {
        if may_join(secrets, &invitation).map_err(|error| failure(&error))? == MayJoin::AlreadyThere {
            let text = "this HMS is a member of that cluster already; the invitation stays as it is";
            (self.notify)(ServerNotice::Warning(text.to_owned()));
            return Ok(());
        }
        (self.notify)(ServerNotice::Joining(invitation.addresses.clone()));
        let incarnation = secrets.next_incarnation(entropy::fill);
        files::save_secrets(self.dir, secrets).map_err(DaemonError::usage)?;
        let usable = interfaces::look(&self.config.interfaces).unwrap_or_default().usable;
        let setup = NewcomerSetup {
            process: Process { server: secrets.server, incarnation },
            name: self.name.clone(),
            settings: &server_settings(self.config, &self.engine.net),
            interfaces: &usable,
            invitation,
            seed: entropy::bytes().map_err(DaemonError::usage)?,
        };
        let newcomer = Newcomer::new(self.engine.now(), setup);
        self.run(newcomer, secrets)
    }

    fn run(&mut self, mut newcomer: Newcomer, secrets: &mut Secrets) -> Result<(), DaemonError> {
        while newcomer.result().is_none() {
            let wishes = self.engine.wait(&newcomer, None);
            if wishes.contains(&Wish::Stop) {
                return Err(DaemonError::new(EXIT_NO, "stopped before it had joined"));
            }
            self.engine.turn(&mut newcomer);
            if let Some(admitted) = newcomer.to_store() {
                let stored = admitted.store(secrets).map_err(|_| JoinError::OtherCluster);
                let stored = stored.and_then(|()| {
                    files::save_secrets(self.dir, secrets).map_err(|error| {
                        log::error!("{error}");
                        JoinError::NotStored
                    })
                });
                newcomer.stored(self.engine.now(), stored);
            }
        }
        self.say_last_words(&mut newcomer);
        match newcomer.result() {
            Some(Err(error)) => Err(failure(error)),
            _ => Ok(()),
        }
    }

    /// The links are closed where they can be: nobody is waited for.
    fn say_last_words(&mut self, newcomer: &mut Newcomer) {
        let until = self.engine.now() + LAST_WORDS;
        self.engine.flush(newcomer);
        while self.engine.has_output() && self.engine.now() < until {
            self.engine.wait(newcomer, Some(until));
            self.engine.flush(newcomer);
        }
    }
}

/// With the exit code for it.
fn failure(error: &JoinError) -> DaemonError {
    let exit = match error {
        JoinError::NoAnswer { .. } | JoinError::Ended { .. } | JoinError::Stuck => EXIT_TIMEOUT,
        JoinError::Refused { .. } => EXIT_REFUSED,
        JoinError::OtherCluster => EXIT_USAGE,
        JoinError::Malformed | JoinError::NotStored => EXIT_NO,
    };
    DaemonError::new(exit, format!("not joined: {error}"))
}
