//! What an admin decides: answered when every member has it on disk, or has had time enough (R-PEE-26).

use serde_json::{Value, json};

use super::Daemon;
use super::requests::value;
use crate::cluster::DecisionId;
use crate::config::parse_peer;
use crate::shell::control::{ConnectionId, ControlError, EXIT_NO, EXIT_USAGE, Request};
use crate::time::Instant;

/// An answer that waits.
pub(super) struct Waiting {
    to: ConnectionId,
    answer: Value,
    decision: DecisionId,
}

impl Daemon<'_> {
    /// Decides what is asked for; none if it is no such request. It is in force and stored here when this returns.
    pub(super) fn decide(&mut self, request: &Request) -> Option<Result<Value, ControlError>> {
        Some(match request.command() {
            "revoke" => self.revoke(request),
            "realm_new" => self.realm_new(request),
            "realm_remove" => self.realm_remove(request),
            "peers_add" => self.peers_add(request),
            "peers_remove" => self.peers_remove(request),
            _ => return None,
        })
    }

    fn revoke(&mut self, request: &Request) -> Result<Value, ControlError> {
        request.need_control()?;
        let user = request.required("user")?;
        let revoked = self.server.revoke(self.engine.now(), request.text("realm"), user)?;
        self.must_be_stored("the user is revoked")?;
        Ok(value(&revoked))
    }

    fn realm_new(&mut self, request: &Request) -> Result<Value, ControlError> {
        request.need_control()?;
        let row = self.server.realm_new(self.engine.now(), request.required("name")?)?;
        self.must_be_stored("the realm is there")?;
        Ok(value(&row))
    }

    fn realm_remove(&mut self, request: &Request) -> Result<Value, ControlError> {
        request.need_control()?;
        let row = self.server.realm_remove(self.engine.now(), request.required("name")?)?;
        self.must_be_stored("the realm is gone")?;
        Ok(value(&row))
    }

    fn peers_add(&mut self, request: &Request) -> Result<Value, ControlError> {
        request.need_control()?;
        let address = parse_peer(request.required("address")?)
            .map_err(|remedy| ControlError::new(EXIT_USAGE, remedy))?;
        if self.engine.net.is_own(address) {
            let message = format!("{address} is this HMS itself; name the address of the other one");
            return Err(ControlError::new(EXIT_USAGE, message));
        }
        self.server.peers_add(self.engine.now(), address)?;
        self.must_be_stored("the address is registered")?;
        Ok(json!({ "address": address.to_string() }))
    }

    fn peers_remove(&mut self, request: &Request) -> Result<Value, ControlError> {
        request.need_control()?;
        let row = self.server.peers_remove(self.engine.now(), request.required("name")?)?;
        self.must_be_stored("the HMS is removed")?;
        Ok(value(&row))
    }

    /// Makes an invitation, which is on disk when it is shown.
    pub(super) fn invite(&mut self, request: &Request) -> Result<Value, ControlError> {
        request.need_control()?;
        let told = request.body.get("addresses").and_then(Value::as_array);
        let addresses = told.into_iter().flatten().filter_map(|text| text.as_str()?.parse().ok()).collect();
        let invitation = self.server.invite(self.engine.now(), addresses)?;
        self.must_be_stored("the invitation is made")?;
        Ok(json!({ "invitation": invitation.encode() }))
    }

    /// A change that is in force but not on the disk is a negative answer (PROTOCOL 2).
    fn must_be_stored(&mut self, done: &str) -> Result<(), ControlError> {
        self.events();
        self.store().map_err(|error| {
            let message = format!("{done}, but {} could not store it and tries again: {error}", self.name);
            ControlError::new(EXIT_NO, message)
        })
    }

    /// Answers at once where there is nobody to wait for; the connection's next request waits as well.
    pub(super) fn answer_decision(&mut self, to: ConnectionId, decided: Result<Value, ControlError>) {
        let decision = self.server.decision();
        match (decided, decision) {
            (Ok(answer), Some(decision)) => {
                self.engine.control.hold(to);
                self.waiting.push(Waiting { to, answer, decision });
                self.answer_waiting();
            }
            (decided, _) => self.engine.control.answer(to, decided),
        }
    }

    /// Answers those that need not wait any longer, with the names of the members that did not say that they stored it.
    pub(super) fn answer_waiting(&mut self) {
        let (now, ends) = (self.engine.now(), self.stopping.is_some());
        for mut one in std::mem::take(&mut self.waiting) {
            let missing = match self.server.storing(one.decision) {
                Some(storing) if now < storing.until && !ends => {
                    self.waiting.push(one);
                    continue;
                }
                Some(storing) => storing.missing,
                None => Vec::new(),
            };
            one.answer["missing"] = json!(missing);
            self.engine.control.release(one.to, one.answer);
        }
    }

    /// When the first of them has waited for long enough.
    pub(super) fn answer_due(&self) -> Option<Instant> {
        self.waiting.iter().filter_map(|one| Some(self.server.storing(one.decision)?.until)).min()
    }
}
