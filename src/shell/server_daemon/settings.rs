//! From `hms.toml` to the server's settings, at start and at each reload.

use serde::Serialize;

use super::{Daemon, EXIT_CONFIG, ServerNotice};
use crate::config::{Ack, Config, PreferConfig, Update};
use crate::server::{AckWhen, PeerSettings, Prefer, RealmLimits, ServerSettings, UpdateMode};
use crate::shell::control::ControlError;
use crate::shell::net::Net;
use crate::storage::Secrets;

/// What a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Reloaded {
    changed: Vec<String>,
    restart: Vec<String>,
    warnings: Vec<String>,
    /// The file that was read; none: there is no file, and the defaults hold.
    file: Option<std::path::PathBuf>,
}

/// The settings for an HMS with these sockets. Its own address among those of its peers is none.
pub(super) fn server_settings(config: &Config, net: &Net) -> ServerSettings {
    let others = config.peers.address.iter().filter(|address| !net.is_own(**address));
    ServerSettings {
        check_time: config.check_time,
        expiry_factor: config.expiry_factor,
        update: match config.update {
            Update::OnChange => UpdateMode::OnChange,
            Update::Always => UpdateMode::Always,
            Update::OnRequest => UpdateMode::OnRequest,
        },
        push: config.push,
        all_rows: config.all_rows,
        standalone: config.standalone,
        prefer: config.prefer.iter().map(prefer).collect(),
        peers: PeerSettings {
            addresses: others.copied().collect(),
            bind: net.bind(),
            start_tries: config.peers.start_tries,
            start_wait: config.peers.start_wait,
            exchange_time: config.peers.exchange_time,
            immediate: config.peers.immediate,
            ack: match config.peers.ack {
                Ack::Local => AckWhen::Local,
                Ack::Replicated => AckWhen::Replicated,
            },
        },
        hints: config.hints,
        realms: config
            .realms
            .iter()
            .map(|realm| RealmLimits {
                name: realm.name.to_string(),
                max_hosts: realm.max_hosts,
                max_rate: realm.max_rate,
            })
            .collect(),
        listen: net.listening(),
    }
}

fn prefer(prefer: &PreferConfig) -> Prefer {
    Prefer { network: prefer.network, bits: prefer.bits, hms: prefer.hms.clone() }
}

/// Realms of the settings that are not there, one sentence each: a mistyped name would limit nobody, unseen.
pub(super) fn unknown_realms(config: &Config, secrets: &Secrets) -> Vec<String> {
    let known = |name: &str| secrets.realms.iter().any(|realm| realm.name.as_str() == name);
    let unknown = config.realms.iter().filter(|realm| !known(realm.name.as_str()));
    unknown
        .map(|realm| {
            let name = &realm.name;
            format!(
                "there is no realm {name}, so its limits in the settings limit nobody; `hms realm list` lists the realms"
            )
        })
        .collect()
}

/// The keys that differ, and whether they wait for the next start.
fn differences(old: &Config, new: &Config) -> Vec<(&'static str, bool)> {
    let all = [
        ("hms.name", old.name != new.name, true),
        ("hms.listen", old.listen != new.listen, true),
        ("hms.interfaces", old.interfaces != new.interfaces, false),
        ("hms.standalone", old.standalone != new.standalone, false),
        ("hosts.check_time", old.check_time != new.check_time, false),
        ("hosts.expiry_factor", old.expiry_factor.to_bits() != new.expiry_factor.to_bits(), false),
        ("hosts.update", old.update != new.update, false),
        ("hosts.push", old.push != new.push, false),
        ("hosts.all_rows", old.all_rows != new.all_rows, false),
        ("hosts.hints", old.hints != new.hints, false),
        ("peers.address", old.peers.address != new.peers.address, false),
        ("peers.bind", old.peers.bind != new.peers.bind, true),
        ("peers.exchange_time", old.peers.exchange_time != new.peers.exchange_time, false),
        ("peers.immediate", old.peers.immediate != new.peers.immediate, false),
        ("peers.ack", old.peers.ack != new.peers.ack, false),
        ("peers.start_tries", old.peers.start_tries != new.peers.start_tries, true),
        ("peers.start_wait", old.peers.start_wait != new.peers.start_wait, true),
        ("realm", old.realms != new.realms, false),
        ("prefer", old.prefer != new.prefer, false),
    ];
    all.into_iter().filter(|(_, differs, _)| *differs).map(|(key, _, restart)| (key, restart)).collect()
}

impl Daemon<'_> {
    /// Reads the settings again; a broken file changes nothing and the answer says why.
    pub(super) fn reload(&mut self) -> Result<Reloaded, ControlError> {
        let checked = (self.options.settings)().map_err(|message| ControlError::new(EXIT_CONFIG, message))?;
        let mut reloaded = Reloaded { file: checked.file, ..Reloaded::default() };
        reloaded.warnings.extend(unknown_realms(&checked.config, &self.secrets));
        for (key, restart) in differences(&self.config, &checked.config) {
            let keys = if restart { &mut reloaded.restart } else { &mut reloaded.changed };
            keys.push(key.to_owned());
        }
        let now = self.engine.now();
        // What waits for the next start is told again at each reload until then.
        let before = std::mem::replace(&mut self.config, checked.config);
        (self.config.name, self.config.listen) = (before.name, before.listen);
        self.config.peers.bind = before.peers.bind;
        self.config.peers.start_tries = before.peers.start_tries;
        self.config.peers.start_wait = before.peers.start_wait;
        self.engine.net.set_wanted(self.config.interfaces.clone());
        self.server.reload(now, server_settings(&self.config, &self.engine.net));
        let (changed, restart) = (reloaded.changed.clone(), reloaded.restart.clone());
        self.notify(ServerNotice::Reloaded { changed, restart });
        Ok(reloaded)
    }

    pub(super) fn reload_by_signal(&mut self) {
        let warnings = match self.reload() {
            Ok(reloaded) => reloaded.warnings,
            Err(error) => vec![format!("the settings stay as they were: {error}")],
        };
        for warning in warnings {
            self.notify(ServerNotice::Warning(warning));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::time::Duration;

    #[test]
    fn a_reload_tells_what_changed_and_what_waits() {
        let old = Config::default();
        let mut new = old.clone();
        assert_eq!(differences(&old, &new), []);
        new.check_time = Duration::from_secs(5);
        new.listen.clear();
        new.peers.address.push(SocketAddr::from(([10, 1, 0, 6], 6710)));
        new.peers.bind = Some([10, 99, 0, 1].into());
        new.peers.start_tries = 5;
        let told = [
            ("hms.listen", true),
            ("hosts.check_time", false),
            ("peers.address", false),
            ("peers.bind", true),
            ("peers.start_tries", true),
        ];
        assert_eq!(differences(&old, &new), told);
    }
}
