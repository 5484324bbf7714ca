//! Keys from files: the secrets of an HMS, or join tokens.

use std::fs;
use std::path::{Path, PathBuf};

use hms::ident::{Name, RealmId};
use hms::storage::Secrets;
use hms::token::{Invitation, PREFIX, Token};
use hms::transport::{KeyId, LinkSecret};
use std::collections::BTreeMap;

use super::Keys;

/// The file of a state directory that holds them.
const SECRETS: &str = "secrets.json";

impl Keys {
    /// Adds the keys of a file, or of the state directory of an HMS.
    pub(crate) fn read(&mut self, path: &Path) -> Result<(), String> {
        let file: PathBuf = if path.is_dir() { path.join(SECRETS) } else { path.to_owned() };
        let fail = |what: &dyn std::fmt::Display| format!("{}: {what}", file.display());
        let bytes = fs::read(&file).map_err(|error| {
            let text = error.to_string();
            fail(&text.split(" (os error").next().unwrap_or_default().to_lowercase())
        })?;
        self.add(&bytes).map_err(|what| fail(&what))
    }

    /// Adds the keys that such a file holds.
    ///
    /// # Errors
    /// If there are none.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        if bytes.trim_ascii_start().first() == Some(&b'{') {
            let secrets = Secrets::from_bytes(bytes).map_err(|error| error.to_string())?;
            self.take(&secrets);
            return Ok(());
        }
        let text = str::from_utf8(bytes).map_err(|_| WHAT)?;
        let mut words = text.split_whitespace().peekable();
        // A key log is told by its lines, and may have lines of a later version.
        if self.links.log(text) > 0 {
            return Ok(());
        }
        if words.peek().is_none() {
            return Err(WHAT.into());
        }
        words.try_for_each(|word| self.word(word))
    }

    /// As the secrets of an HMS would.
    #[cfg(test)]
    pub(crate) fn cluster(&mut self, secret: &[u8; 32]) {
        self.secrets.push(LinkSecret::cluster(secret));
    }

    /// Adds the links of a key log.
    pub(crate) fn key_log(&mut self, path: &Path) -> Result<(), String> {
        let fail = |what: &str| format!("{}: {what}", path.display());
        let bytes = fs::read(path).map_err(|error| {
            fail(&error.to_string().split(" (os error").next().unwrap_or_default().to_lowercase())
        })?;
        let text = String::from_utf8(bytes).map_err(|_| fail(NO_LOG))?;
        if self.links.log(&text) == 0 { Err(fail(NO_LOG)) } else { Ok(()) }
    }

    /// All keys that follow from the secrets of an HMS.
    pub(crate) fn take(&mut self, secrets: &Secrets) {
        let mut realms: BTreeMap<RealmId, (Name, Vec<_>)> = BTreeMap::new();
        for realm in &secrets.realms {
            let (name, all) = realms.entry(realm.id).or_insert_with(|| (realm.name.clone(), Vec::new()));
            name.clone_from(&realm.name);
            all.push((realm.epoch, realm.secret.clone()));
        }
        for (id, (name, all)) in realms {
            self.realms.insert(id, (name.to_string(), all.iter().map(|(epoch, _)| *epoch).collect()));
            self.ring.set_realm(id, name, all);
        }
        secrets.revocations().iter().cloned().for_each(|revocation| self.ring.restore(revocation));
        self.secrets.push(LinkSecret::cluster(&secrets.cluster_secret));
        for invitation in &secrets.invitations {
            self.secrets.push(LinkSecret::invitation(KeyId(invitation.id.0), &invitation.secret));
        }
    }

    /// A join token, or an invitation of an HMS.
    fn word(&mut self, word: &str) -> Result<(), String> {
        if word.to_ascii_lowercase().starts_with(PREFIX) {
            let token = Token::parse(word).map_err(|error| error.to_string())?;
            self.users.insert((token.realm, token.epoch, token.user_id()), token.user_key);
            return Ok(());
        }
        let invitation = Invitation::parse(word).map_err(|_| WHAT.to_owned())?;
        self.secrets.push(LinkSecret::invitation(KeyId(invitation.id.0), &invitation.secret));
        Ok(())
    }
}

const WHAT: &str = "neither the secrets of an HMS nor join tokens; give the state directory of an HMS, its secrets.json, or a file of tokens";
const NO_LOG: &str =
    "no link in it: give the file that `hms serve --keylog FILE` writes, as long as links open";
