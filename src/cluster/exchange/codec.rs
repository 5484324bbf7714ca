//! Rows and ended sessions of the table as they travel: equal rows are equal bytes (R-PEE-57).

use crate::auth;
use crate::ident::{Name, Process, RealmId, UserId};
use crate::registry::{Ended, Ending, RowView, ViewSpec};
use crate::time::{Duration, Instant};
use crate::wire::View;
use crate::wire::peer;
use crate::wire::peer::{Gone, Home, Row, RowHead};

/// A long row fits without growing.
const ROW_ROOM: usize = 512;

/// Appends the value of ROW.
pub(super) fn emit_row(row: &RowView<'_>, buf: &mut Vec<u8>) {
    let head = RowHead {
        realm: row.realm(),
        user: row.user(),
        order: row.order(),
        instance: row.instance(),
        since: row.since().secs(),
        epoch: row.epoch(),
        content_version: row.content_version(),
        place: peer::Place {
            sequence: row.place().sequence,
            late: row.is_late(),
            check_ms: millis(row.check_time()),
            address: row.address(),
        },
    };
    head.emit(row.content(), &view(row.view_spec()), row.wants_push(), buf);
}

/// What the table keeps of a row's VIEW: never a kind that is unknown here, named users ascending.
fn view(spec: ViewSpec<'_>) -> View {
    match spec {
        ViewSpec::None => View::None,
        ViewSpec::Realm => View::Realm,
        ViewSpec::Group(name) => Name::new(name).map_or(View::None, View::Group),
        ViewSpec::Named(users) => View::Named(users.to_vec()),
    }
}

/// The same the other way.
pub(super) fn view_spec(view: &View) -> ViewSpec<'_> {
    match view {
        View::None | View::Unknown(_) => ViewSpec::None,
        View::Realm => ViewSpec::Realm,
        View::Group(name) => ViewSpec::Group(name.as_str()),
        View::Named(users) => ViewSpec::Named(users),
    }
}

/// The digest of a row of the table, the same at every HMS that has it (R-PEE-76).
pub(super) fn row_digest(row: &RowView<'_>) -> u64 {
    let mut bytes = Vec::with_capacity(ROW_ROOM);
    emit_row(row, &mut bytes);
    Row::parse(&bytes, 0).map_or(0, |row| auth::row_digest(&row))
}

/// HOME of a row that is offered (PEE-62). Ages are told in whole seconds, never younger than they are, so that rows
/// that were heard of one after the other share their HOME.
pub(super) fn home_of(now: Instant, row: &RowView<'_>) -> Home {
    let age_ms = if row.is_live() { 0 } else { millis(now.since(row.last_heard())).div_ceil(1000) };
    Home { process: row.home(), age_ms: age_ms.saturating_mul(1000) }
}

/// GONE, and the HOME before it: of one that left it says nothing, and is `own`.
pub(super) fn gone_of(
    own: Process,
    realm: RealmId,
    user: UserId,
    ended: &Ended,
    left: Duration,
) -> (Home, Gone) {
    let (process, ending, sequence) = match ended.ending {
        Ending::Leave => (own, peer::Ending::Leave, 0),
        Ending::Expiry { sequence, home } => (home, peer::Ending::Expiry, sequence),
    };
    let gone = Gone { realm, user, order: ended.order, ending, sequence, forgotten_ms: millis(left) };
    (Home { process, age_ms: 0 }, gone)
}

/// The end of a session, as the table keeps it.
pub(super) fn ended_of(home: Home, gone: &Gone) -> Ended {
    let ending = match gone.ending {
        peer::Ending::Leave => Ending::Leave,
        peer::Ending::Expiry => Ending::Expiry { sequence: gone.sequence, home: home.process },
    };
    Ended { order: gone.order, ending }
}

pub(super) fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}
