//! What a host and HMSs say to each other, with times: for what follows from datagram to datagram.

use std::net::Ipv4Addr;

use hms::auth::{ReadyKey, seal, seal_checksum, user_id};
use hms::ident::{Epoch, Incarnation, Name, RealmId, Revision, ServerId, SessionId, Stamp};
use hms::wire::{
    Ack, Announce, AnnounceEvent, Header, Heartbeat, HmsInfo, Kind, Registered, Settings, Short, flag,
};

use super::{dissect, made};
use crate::datagram::Datagram;
use crate::dissector::Dissector;
use crate::show::stats::Stats;
use crate::verify::Keys;

pub(super) const REALM: RealmId = RealmId(7);
pub(super) const SESSION: SessionId = SessionId(77);
pub(super) const ATLAS: ServerId = ServerId(0xa);
pub(super) const BOREALIS: ServerId = ServerId(0xb);

/// Frames with the milliseconds at which they were captured.
#[derive(Default)]
pub(super) struct Story {
    frames: Vec<(u32, Vec<u8>)>,
}

fn datagram(
    kind: Kind,
    flags: u8,
    realm: RealmId,
    sequence: u64,
    emit: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let bare = flags & flag::UNAUTHENTICATED != 0;
    let (user, session) =
        if bare { (user_id(realm, ""), SessionId(0)) } else { (user_id(realm, "anna"), SESSION) };
    let header = Header { kind, flags, epoch: Epoch(u8::from(!bare)), realm, user, session, sequence };
    let mut bytes = Vec::new();
    header.emit(&mut bytes);
    emit(&mut bytes);
    // Nobody verifies it here.
    if bare {
        seal_checksum(&mut bytes);
    } else {
        seal(&ReadyKey::new(&[9; 32]), &mut bytes);
    };
    bytes
}

/// The settings of an HMS that says of itself that it is the primary, or not.
fn settings(server: ServerId, primary: bool) -> Settings {
    let name = Name::new(if server == ATLAS { "atlas" } else { "borealis" }).expect("a name");
    let hms = vec![HmsInfo { server, primary, sender: true, name, addresses: Vec::new() }];
    Settings { hms, ..Settings::default() }
}

fn ack(settings: Settings) -> Ack<'static> {
    Ack {
        want_content: false,
        resync: false,
        equal: true,
        incarnation: Incarnation(1),
        number: 1,
        revision: Revision(1),
        content_version: 1,
        settings,
        changes: None,
    }
}

impl Story {
    pub(super) fn add(&mut self, at: u32, to_hms: bool, bytes: &[u8]) -> &mut Self {
        self.frames.push((at, made::frame(to_hms, bytes)));
        self
    }

    /// atlas has registered anna, and says which check time holds.
    pub(super) fn registered(&mut self, at: u32, check_time_ms: u32) -> &mut Self {
        let registered = Registered {
            incarnation: Incarnation(1),
            number: 1,
            stamp: Stamp(1),
            server: ATLAS,
            revision: Revision(1),
            content_version: 1,
            check_time_ms,
            first_delay_ms: 0,
            settings: Settings::default(),
        };
        self.add(at, false, &datagram(Kind::Registered, 0, REALM, 1 << 40, |buf| registered.emit(buf)))
    }

    pub(super) fn heartbeat(&mut self, at: u32, sequence: u64) -> &mut Self {
        let beat = Heartbeat {
            content_version: 1,
            incarnation: Incarnation(1),
            revision: Revision(1),
            digest: 0,
            cookie: None,
            want: false,
            content: None,
        };
        self.add(at, true, &datagram(Kind::Heartbeat, beat.flags(), REALM, sequence, |buf| beat.emit(buf)))
    }

    pub(super) fn ack(&mut self, at: u32, sequence: u64, settings: Settings) -> &mut Self {
        let ack = ack(settings);
        self.add(at, false, &datagram(Kind::Ack, ack.flags(), REALM, sequence, |buf| ack.emit(buf)))
    }

    /// An HMS answers a heartbeat, and says whether it is the primary.
    pub(super) fn says(&mut self, at: u32, sequence: u64, server: ServerId, primary: bool) -> &mut Self {
        self.ack(at, sequence, settings(server, primary))
    }

    /// The session ended.
    pub(super) fn left(&mut self, at: u32, sequence: u64) -> &mut Self {
        let left = Short { incarnation: Incarnation(1), number: 1, argument: 0 };
        self.add(at, false, &datagram(Kind::Left, 0, REALM, sequence, |buf| left.emit(buf)))
    }

    /// An HMS tells a group what happened.
    pub(super) fn announces(
        &mut self,
        at: u32,
        realm: RealmId,
        server: ServerId,
        event: AnnounceEvent,
    ) -> &mut Self {
        let bytes = datagram(Kind::Announce, flag::UNAUTHENTICATED, realm, at.into(), |buf| {
            Announce { server, event, port: 6710 }.emit(buf);
        });
        let hms = Ipv4Addr::new(10, 1, 0, server.0 as u8);
        let packet = made::ipv4(hms, Ipv4Addr::new(239, 255, 67, 10), 0, &made::udp(6710, 6710, &bytes));
        self.frames.push((at, made::ethernet(&[0x0800], &packet)));
        self
    }

    pub(super) fn read(&self) -> (Vec<Datagram>, Dissector) {
        let (datagrams, dissector, error) = dissect(&made::pcap_at(&self.frames), Keys::default());
        assert_eq!(error, None);
        assert_eq!(datagrams.len(), self.frames.len());
        for datagram in &datagrams {
            assert_eq!(datagram.malformed, None, "frame {}", datagram.captured.frame);
        }
        (datagrams, dissector)
    }

    /// Of each remark of this kind its frame and text.
    pub(super) fn remarks(&self, name: &str) -> Vec<(u64, String)> {
        let (datagrams, _) = self.read();
        let of = |datagram: &Datagram| {
            let frame = datagram.captured.frame;
            let experts = datagram.experts.iter().filter(|expert| expert.remark.name == name);
            experts.map(|expert| (frame, expert.text.clone())).collect::<Vec<_>>()
        };
        datagrams.iter().flat_map(of).collect()
    }

    /// `--stats`, for people and as JSON.
    pub(super) fn stats(&self) -> (String, serde_json::Value) {
        let (datagrams, dissector) = self.read();
        let mut stats = Stats::default();
        datagrams.iter().for_each(|datagram| stats.datagram(datagram));
        (stats.text(&dissector), stats.json(&dissector))
    }
}
