//! What a server begins with.

use std::collections::{BTreeSet, VecDeque};

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::Server;
use super::answer::Answers;
use super::budget::Budgets;
use super::clock::{Wall, clock_after};
use super::comeback::ComeBack;
use super::drops::Drops;
use super::held::Held;
use super::hms_list::HmsList;
use super::judged::Judged;
use super::limiter::{HintLimit, Unverified};
use super::peers::{Peers, keyring_of};
use super::rates::UserRates;
use super::refusals::Refusals;
use super::service::Service;
use super::settings::ServerSettings;
use super::timing::Rate;
use super::unborn::Unborn;
use crate::auth::{ClusterKey, CookieKey};
use crate::cluster::Facts;
use crate::directory::{Directory, entry_digest};
use crate::discovery::OfferQueue;
use crate::ident::{Incarnation, Name, Order, Process, RealmId, ServerId, Stamp};
use crate::planted::{Bug, planted};
use crate::registry::{Ended, Ending, NewRow, Reason, Registry, RowId, ViewSpec};
use crate::storage::{SnapshotEnded, SnapshotRow};
use crate::time::{Duration, Instant, UnixMillis};
use crate::transport::LinkSecret;
use crate::wire::{ContentRef, View};

/// What a server begins with.
pub struct Setup {
    /// What it is called.
    pub name: Name,
    /// Which HMS it is.
    pub server: ServerId,
    /// Which process of it; another one at each start, never 0.
    pub incarnation: Incarnation,
    /// 32 random bytes, from which all its randomness comes.
    pub seed: [u8; 32],
    /// From `hms.toml`.
    pub settings: ServerSettings,
    /// What admins decided: members, addresses, realms, revocations; keys follow from them.
    pub facts: Facts,
    /// What links with other HMSs are made with: the cluster secret.
    pub link_secret: LinkSecret,
    /// Which realm is the default, for display.
    pub default_realm: Option<RealmId>,
    /// Signs fixed addresses.
    pub cluster: ClusterKey,
    /// The highest stamp clock that an earlier process stored.
    pub stamp_base: u64,
    /// Wall clock, for display.
    pub wall: UnixMillis,
    /// Rows of a snapshot: they begin unconfirmed.
    pub rows: Vec<SnapshotRow>,
}

impl Server {
    /// Begins with an empty table, or the rows of a snapshot.
    pub fn new(now: Instant, mut setup: Setup) -> Self {
        let mut rng = ChaCha20Rng::from_seed(setup.seed);
        let mut cookie_key = [0; 32];
        rng.fill_bytes(&mut cookie_key);
        let keyring = keyring_of(&setup.facts);
        let clock = clock_after(setup.stamp_base);
        let peers = Peers::new(now, &mut setup, clock);
        let mut server = Self {
            name: setup.name,
            server: setup.server,
            settings: setup.settings,
            interfaces: Vec::new(),
            keyring,
            cluster: setup.cluster,
            cookies: CookieKey::new(cookie_key),
            default_realm: setup.default_realm,
            registry: Registry::new(rng.next_u64(), entry_digest, now),
            directory: Directory::new(setup.server),
            offers: OfferQueue::new(),
            unborn: Unborn::default(),
            held: Held::default(),
            answers: Answers::new(setup.incarnation),
            events: VecDeque::new(),
            peers,
            hms_list: HmsList::default(),
            start: now,
            wall: Wall::new(now, setup.wall),
            come_back: ComeBack::new(rng.next_u64(), setup.incarnation),
            last_known: setup.rows.len(),
            budgets: Budgets::default(),
            unverified: Unverified::new(rng.next_u64()),
            users: UserRates::new(rng.next_u64()),
            hints: HintLimit::new(rng.next_u64()),
            refusals: Refusals::new(rng.next_u64()),
            rng,
            drops: Drops::default(),
            judged: Judged::default(),
            heartbeats: Rate::default(),
            turned: now,
            ticked: now,
            tell_until: now,
            longest: Duration::ZERO,
            list_until: now,
            push_after: now,
            announce_due: None,
            announced: None,
            service: Service::Whole,
            watched: true,
            watch_seq: 0,
            stopping: false,
            sent_on: BTreeSet::new(),
            unstored: None,
        };
        server.registry.set_process(Process { server: setup.server, incarnation: setup.incarnation });
        for realm in server.keyring.realms() {
            server.registry.add_realm(realm.id);
            server.registry.set_epoch(realm.id, realm.epoch);
        }
        server.registry.set_timing(server.settings.check_time, server.settings.expiry_factor);
        server.apply_realm_limits();
        server.load(now, setup.rows);
        server.attend(now);
        server.look_at_cluster(now);
        // Nobody was told of another list yet.
        server.list_until = now;
        server
    }

    /// Takes the rows of a snapshot, unconfirmed: each lasts one expiry unless its host answers a challenge.
    fn load(&mut self, now: Instant, rows: Vec<SnapshotRow>) {
        let mut longest = Duration::ZERO;
        for row in rows {
            if self.load_row(now, &row).is_some() {
                longest = longest.max(Duration::from_millis(u64::from(row.check_time_ms)));
            }
        }
        // Hosts that the last process told other settings hear of these ones.
        self.longest = longest.max(self.settings.check_time);
        if !longest.is_zero() {
            self.tell_until = now + self.longest.mul_f64(self.settings.expiry_factor);
        }
    }

    fn load_row(&mut self, now: Instant, row: &SnapshotRow) -> Option<RowId> {
        // A revocation after the snapshot holds for its rows too.
        if row.generation < self.keyring.generation(row.realm, row.user) && !planted(Bug::RevokedRowRestored)
        {
            return None;
        }
        let user_key = self.keyring.user_key(row.realm, row.epoch, row.user).ok()?;
        let key = user_key.session_key(row.session);
        let content = ContentRef::trusted(&row.content);
        // A process before R-REG-02 bounded them may have given out higher ones.
        let stamp = Stamp(row.stamp.0.min(self.stamps(now).highest()));
        // A user that registered anew while the snapshot was written is in it twice (R-REG-01).
        let other = self.registry.by_user(row.realm, row.user);
        let order = Order { generation: row.generation, stamp, server: row.server, session: row.session };
        if let Some(other) = other.filter(|id| self.registry.row(*id).is_some_and(|r| r.order() < order)) {
            self.registry.remove(now, other, Reason::Replaced);
        }
        let id = self.registry.load(
            now,
            row.sequence,
            &NewRow {
                realm: row.realm,
                user: row.user,
                session: row.session,
                key: key.as_bytes(),
                generation: row.generation,
                stamp,
                server: row.server,
                instance: row.instance,
                content: content.as_bytes(),
                content_version: row.content_version,
                group: content.conference(),
                address: row.address,
                since: UnixMillis(row.since.saturating_mul(1000)),
                check_time: Duration::from_millis(u64::from(row.check_time_ms)),
            },
        )?;
        self.follow(id, &row.view, row.push);
        Some(id)
    }

    /// The row as it outlives this process.
    pub(super) fn snapshot_row(&self, id: RowId) -> Option<SnapshotRow> {
        let row = self.registry.row(id)?;
        let view = match self.registry.view_spec(id) {
            ViewSpec::None => View::None,
            ViewSpec::Realm => View::Realm,
            ViewSpec::Group(name) => View::Group(Name::new(name).ok()?),
            ViewSpec::Named(users) => View::Named(users.to_vec()),
        };
        Some(SnapshotRow {
            realm: row.realm(),
            epoch: self.keyring.realm(row.realm())?.epoch,
            user: row.user(),
            generation: self.keyring.generation(row.realm(), row.user()),
            session: row.session(),
            stamp: row.stamp(),
            server: row.server(),
            instance: row.instance(),
            content_version: row.content_version(),
            content: row.content().into(),
            view,
            push: row.wants_push(),
            address: row.address(),
            since: row.since().secs(),
            check_time_ms: u32::try_from(row.check_time().as_millis()).unwrap_or(u32::MAX),
            sequence: row.place().sequence,
        })
    }

    /// Takes the sessions that had ended when the snapshot was written (R-PEE-67); rows of such a session go.
    pub fn restore_ended(&mut self, now: Instant, ended: &[SnapshotEnded]) {
        for one in ended {
            let left = Duration::from_millis(one.left_ms.into());
            let ended = Ended { order: one.order, ending: Ending::Leave };
            self.registry.merge_gone(now, one.realm, one.user, ended, left);
        }
    }
}
