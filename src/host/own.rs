//! What the host says of itself, and what the HMS has of it (R-FMT-11, R-REG-31, R-REG-32).

use crate::limits::{DATAGRAM_MAX, HEADER_LEN, TAG_LEN};
use crate::wire::{Content, ContentRef, View};

/// Content, view and their version.
#[derive(Debug)]
pub(super) struct Own {
    content: Content,
    bytes: Vec<u8>,
    /// Rises with every change; goes on from session to session.
    pub(super) version: u32,
    /// That of the content which brought the present view: an HMS that holds a lower one shows another.
    view_version: u32,
    /// The version that the HMS named last.
    pub(super) held: u32,
    /// The HMS asked for it.
    pub(super) wanted: bool,
    pub(super) view: View,
    pub(super) push: bool,
    /// What an HMS took last.
    accepted: Option<(Content, View, bool)>,
    /// Why the present content is not what was wanted last: an HMS refused that.
    pub(super) refused: Option<String>,
}

impl Own {
    pub(super) fn new(content: Content, view: View, push: bool) -> Self {
        let bytes = content.to_bytes();
        let (held, accepted, refused) = (0, None, None);
        let (version, view_version) = (1, 1);
        Self { content, bytes, version, view_version, held, wanted: false, view, push, accepted, refused }
    }

    pub(super) const fn content(&self) -> &Content {
        &self.content
    }

    /// The content's TLVs.
    pub(super) fn bytes(&self) -> ContentRef<'_> {
        ContentRef::trusted(&self.bytes)
    }

    /// Whether the next heartbeat carries it (R-REG-32).
    pub(super) const fn is_due(&self) -> bool {
        self.wanted || self.held < self.version
    }

    /// Takes new content or view; `false` if nothing changed.
    pub(super) fn change(&mut self, content: Content, view: View, push: bool) -> bool {
        if content == self.content && view == self.view && push == self.push {
            return false;
        }
        self.bytes = content.to_bytes();
        self.version = self.version.saturating_add(1);
        if view != self.view {
            self.view_version = self.version;
        }
        (self.content, self.view, self.push) = (content, view, push);
        self.refused = None;
        true
    }

    /// Goes back to what an HMS took last; `false` if there is nothing else to go back to.
    pub(super) fn go_back(&mut self, why: String) -> bool {
        let Some((content, view, push)) = self.accepted.clone() else { return false };
        let changed = self.change(content, view, push);
        self.refused = changed.then_some(why);
        changed
    }

    /// Whether an HMS that holds this version shows the present view.
    pub(super) const fn is_viewed_by(&self, held: u32) -> bool {
        held >= self.view_version
    }

    /// The HMS named the version that it holds.
    pub(super) fn acknowledged(&mut self, held: u32, wanted: bool) {
        // A version that this process never sent comes from an earlier one: go on above it.
        if held > self.version {
            self.version = held.saturating_add(1);
            self.view_version = self.version;
        }
        (self.held, self.wanted) = (held, wanted);
        if held == self.version {
            self.accepted = Some((self.content.clone(), self.view.clone(), self.push));
        }
    }
}

/// Whether content and view fit into a REGISTER (R-FMT-01).
pub(super) fn fits(content: &Content, view: &View) -> bool {
    let view_len = match view {
        View::Group(name) => name.as_str().len(),
        View::Named(users) => users.len() * 8,
        View::None | View::Realm | View::Unknown(_) => 0,
    };
    HEADER_LEN + 44 + content.to_bytes().len() + 5 + view_len + TAG_LEN <= DATAGRAM_MAX
}

/// Leaves out what fits least: reported addresses, then the view. Says whether something was left out.
pub(super) fn shorten(content: &mut Content, view: &mut View) -> bool {
    let mut shortened = false;
    while !fits(content, view) && content.reported.pop().is_some() {
        shortened = true;
    }
    if !fits(content, view) {
        // Content alone always fits: names, ports and 16 services are below 600 bytes.
        *view = View::None;
        shortened = true;
    }
    shortened
}
