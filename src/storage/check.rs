//! What must hold of secrets and is not said by their types.

use std::collections::BTreeSet;

use super::error::{Document, Place, StorageError};
use super::secrets::Secrets;
use crate::ident::{Epoch, InvitationId, Name, RealmId, ServerId};
use crate::limits::REALM_NAME_MAX;
use crate::wire::peer::FactState;

pub(super) fn secrets(secrets: &Secrets) -> Result<(), StorageError> {
    realms(secrets)?;
    removed_realms(secrets)?;
    cluster(secrets)
}

fn wrong(list: &str, at: usize, field: &str, problem: &str) -> StorageError {
    StorageError::new(Document::Secrets, Place::Field(format!("{list}[{at}].{field}")), problem)
}

/// What holds for a realm that is there and for one that was removed.
fn named(
    ids: &mut BTreeSet<(RealmId, Epoch)>,
    name: &Name,
    id: (RealmId, Epoch),
) -> Result<(), (&'static str, &'static str)> {
    if name.as_str().len() > REALM_NAME_MAX {
        return Err(("name", "a realm name has at most 32 bytes"));
    }
    if id.0 == RealmId(0) {
        return Err(("id", "no realm has the id 0"));
    }
    if !ids.insert(id) {
        return Err(("id", "two realms have this id and epoch"));
    }
    Ok(())
}

fn realms(secrets: &Secrets) -> Result<(), StorageError> {
    let (mut ids, mut default) = (BTreeSet::new(), false);
    for (at, realm) in secrets.realms.iter().enumerate() {
        let wrong = |field, problem| Err(wrong("realms", at, field, problem));
        if let Err((field, problem)) = named(&mut ids, &realm.name, (realm.id, realm.epoch)) {
            return wrong(field, problem);
        }
        if realm.default && std::mem::replace(&mut default, true) {
            return wrong("default", "two realms are the default");
        }
        if realm.mark.state == FactState::Removed {
            return wrong("mark.removed", "a realm that was removed stands in removed_realms");
        }
    }
    Ok(())
}

fn removed_realms(secrets: &Secrets) -> Result<(), StorageError> {
    let mut ids: BTreeSet<_> = secrets.realms.iter().map(|realm| (realm.id, realm.epoch)).collect();
    for (at, realm) in secrets.removed_realms.iter().enumerate() {
        let wrong = |field, problem| Err(wrong("removed_realms", at, field, problem));
        if let Err((field, problem)) = named(&mut ids, &realm.name, (realm.id, realm.epoch)) {
            return wrong(field, problem);
        }
        if realm.mark.state == FactState::There {
            return wrong("mark.removed", "a realm that is there stands in realms");
        }
    }
    Ok(())
}

fn cluster(secrets: &Secrets) -> Result<(), StorageError> {
    let mut servers = BTreeSet::from([ServerId(0)]);
    if let Some(at) = secrets.members.iter().position(|member| !servers.insert(member.server)) {
        return Err(wrong("members", at, "server", "the id is 0, or two members have it"));
    }
    let mut addresses = BTreeSet::new();
    if let Some(at) = secrets.addresses.iter().position(|one| !addresses.insert(one.address)) {
        return Err(wrong("addresses", at, "address", "the address stands there twice"));
    }
    let mut ids = BTreeSet::from([InvitationId(0)]);
    if let Some(at) = secrets.invitations.iter().position(|one| !ids.insert(one.id)) {
        return Err(wrong("invitations", at, "id", "the id is 0, or two invitations have it"));
    }
    Ok(())
}
