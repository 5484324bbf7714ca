//! Published addresses: one row of a realm holds an address, the one that proved it last (R-REG-25).

use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};

use super::rows::{Family, Row, bit};
use super::{Registry, RowId};
use crate::ident::RealmId;
use crate::planted::{Bug, planted};

/// What a new address of a row did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressChange {
    /// The older row that lost the address (R-REG-25).
    pub displaced: Option<RowId>,
    /// Whether the directory changed.
    pub visible: bool,
}

impl Registry {
    /// Publishes a proven address; another row that held it loses it and turns late (R-REG-25). *Late* of this row is
    /// for [`Self::heard`] to clear.
    pub(super) fn set_address(&mut self, id: RowId, address: SocketAddr) -> AddressChange {
        let Some(row) = self.row(id) else { return AddressChange::default() };
        let old = row.address();
        let Some(realm) = self.rows.get(id.0).map(|row| row.realm) else { return AddressChange::default() };
        let displaced = self.displace(realm, address, Some(id.0));
        if old == Some(address) {
            return AddressChange { displaced, visible: false };
        }
        let publish = |registry: &mut Self| {
            registry.unindex_address(id.0);
            registry.drop_address(id.0);
            let (family, ip, port) = registry.keep_address(Some(address));
            if let Some(row) = registry.rows.get_mut(id.0) {
                (row.family, row.ip, row.port) = (family, ip, port);
                row.set(bit::PUBLISHED, true);
            }
            registry.index_address(id.0);
        };
        let visible = old.map(|old| old.ip()) != Some(address.ip());
        if visible {
            self.change(id.0, publish);
        } else {
            publish(self);
        }
        AddressChange { displaced, visible }
    }

    /// Takes `address` away from the row that holds it, unless that is `keep`.
    pub(super) fn displace(&mut self, realm: u16, address: SocketAddr, keep: Option<u32>) -> Option<RowId> {
        let id = self
            .find_address(realm, address)
            .filter(|id| Some(*id) != keep && !planted(Bug::AddressShared))?;
        self.change(id, |registry| {
            registry.unindex_address(id);
            if let Some(row) = registry.rows.get_mut(id) {
                row.set(bit::PUBLISHED, false);
                row.move_here();
            }
            registry.set_late(id, true);
        });
        self.touch(id);
        Some(RowId(id))
    }

    /// The row that holds a published address and proved it at this HMS.
    pub fn by_address(&self, realm: RealmId, address: SocketAddr) -> Option<RowId> {
        self.find_address(*self.realm_slots.get(&realm)?, address).map(RowId)
    }

    fn find_address(&self, realm: u16, address: SocketAddr) -> Option<u32> {
        let same = |id: u32| {
            let held = self.rows.get(id).is_some_and(|row| row.realm == realm && row.port == address.port());
            held && self.row(RowId(id)).and_then(|row| row.address()) == Some(address)
        };
        self.addresses.find(self.addresses.hash(address_key(realm, address.port(), Some(address.ip()))), same)
    }

    pub(super) fn index_address(&mut self, id: u32) {
        let Some(key) = self.address_key(id) else { return };
        let (hash, rows, blobs) = (self.addresses.hash(key), &self.rows, &self.blobs);
        self.addresses.insert(hash, id, |state, id| {
            let ip = |row: &Row| match row.family {
                Family::V4 => Some(IpAddr::V4(row.ip.into())),
                Family::V6 => blobs.get(row.ip, 16).first_chunk::<16>().map(|o| IpAddr::V6((*o).into())),
                Family::None => None,
            };
            rows.get(id).map_or(0, |row| state.hash_one(address_key(row.realm, row.port, ip(row))))
        });
    }

    /// Finds the row's own entry in the index.
    pub(super) fn find_own_address(&self, id: u32) -> Option<u32> {
        let key = self.address_key(id)?;
        self.addresses.find(self.addresses.hash(key), |other| other == id)
    }

    pub(super) fn unindex_address(&mut self, id: u32) {
        if let Some(key) = self.address_key(id) {
            self.addresses.remove(self.addresses.hash(key), id);
        }
    }

    fn address_key(&self, id: u32) -> Option<AddressKey> {
        let address = self.row(RowId(id))?.address()?;
        Some(address_key(self.rows.get(id)?.realm, address.port(), Some(address.ip())))
    }

    pub(super) fn keep_address(&mut self, address: Option<SocketAddr>) -> (Family, u32, u16) {
        match address.map(|a| (a.ip(), a.port())) {
            None => (Family::None, 0, 0),
            Some((IpAddr::V4(ip), port)) => (Family::V4, ip.to_bits(), port),
            Some((IpAddr::V6(ip), port)) => (Family::V6, self.blobs.insert(&ip.octets()), port),
        }
    }

    pub(super) fn drop_address(&mut self, id: u32) {
        if let Some(row) = self.rows.get_mut(id)
            && std::mem::replace(&mut row.family, Family::None) == Family::V6
        {
            self.blobs.remove(row.ip, 16);
        }
    }
}

type AddressKey = (u16, u16, Option<IpAddr>);

const fn address_key(realm: u16, port: u16, ip: Option<IpAddr>) -> AddressKey {
    (realm, port, ip)
}
