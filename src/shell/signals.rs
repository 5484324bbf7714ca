//! Signals, as readiness of a pipe.

use std::io;

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals as Pipe;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// SIGHUP.
    Reload,
    /// SIGTERM or SIGINT.
    Stop,
}

/// The signals that a daemon listens to.
pub(super) struct Signals {
    pipe: Pipe,
}

/// The pipe's token; sockets begin behind it.
const TOKEN: Token = Token(0);

impl Signals {
    pub(super) fn open(registry: &Registry) -> io::Result<Self> {
        let mut pipe = Pipe::new([SIGHUP, SIGINT, SIGTERM])?;
        registry.register(&mut pipe, TOKEN, Interest::READABLE)?;
        Ok(Self { pipe })
    }

    /// Takes a readiness event; says whether it was for the signals.
    pub(super) fn handle_event(&mut self, event: &mio::event::Event, wishes: &mut Vec<Wish>) -> bool {
        if event.token() != TOKEN {
            return false;
        }
        wishes.extend(
            self.pipe.pending().map(|signal| if signal == SIGHUP { Wish::Reload } else { Wish::Stop }),
        );
        true
    }
}
