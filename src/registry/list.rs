//! Doubly linked lists whose links live in the nodes: no allocation, O(1) at both ends and in the middle.

use slab::Slab;

use super::rows::NIL;

/// Neighbours of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) previous: u32,
    pub(super) next: u32,
}

impl Link {
    pub(super) const NONE: Self = Self { previous: NIL, next: NIL };
}

/// Where the nodes are.
pub(super) trait Links {
    fn link(&mut self, id: u32) -> Option<&mut Link>;
}

/// A node that is in one list only.
pub(super) trait Node {
    fn link(&mut self) -> &mut Link;
}

impl<T: Node> Links for Slab<T> {
    fn link(&mut self, id: u32) -> Option<&mut Link> {
        self.get_mut(id as usize).map(Node::link)
    }
}

/// Both ends of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) head: u32,
    pub(super) tail: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self { head: NIL, tail: NIL };

    pub(super) const fn is_empty(&self) -> bool {
        self.head == NIL
    }

    pub(super) fn push_back(&mut self, nodes: &mut impl Links, id: u32) {
        let Some(link) = nodes.link(id) else { return };
        *link = Link { previous: self.tail, next: NIL };
        match nodes.link(self.tail) {
            Some(tail) => tail.next = id,
            None => self.head = id,
        }
        self.tail = id;
    }

    pub(super) fn remove(&mut self, nodes: &mut impl Links, id: u32) {
        let Some(link) = nodes.link(id) else { return };
        let Link { previous, next } = std::mem::replace(link, Link::NONE);
        match nodes.link(previous) {
            Some(link) => link.next = next,
            None => self.head = next,
        }
        match nodes.link(next) {
            Some(link) => link.previous = previous,
            None => self.tail = previous,
        }
    }
}
