//! Why an invitation was not redeemed.

use std::fmt;
use std::net::SocketAddr;

use crate::wire::peer::RefuseCode;

/// Why an HMS did not become a member; its Display says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinError {
    /// Nobody answered.
    NoAnswer {
        /// Which addresses were tried.
        tried: Vec<SocketAddr>,
    },
    /// The inviter answered, and its links ended each time.
    Ended {
        /// Which addresses were tried.
        tried: Vec<SocketAddr>,
        /// Why the last one ended.
        reason: String,
    },
    /// The inviter said no.
    Refused {
        /// Why.
        code: RefuseCode,
        /// Why, for people; what the inviter wrote.
        reason: String,
    },
    /// The inviter answered, and then said nothing more.
    Stuck,
    /// What the inviter said cannot be read.
    Malformed,
    /// This HMS belongs to another cluster.
    OtherCluster,
    /// What was given could not be stored.
    NotStored,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer { tried } if tried.is_empty() => f.write_str(
                "the invitation names no address; set [hms] listen or an address on the HMS that made it, \
                 and make a new one with `hms token --hms`",
            ),
            Self::NoAnswer { tried } => write!(
                f,
                "the HMS that made the invitation does not answer at {}: it does not run or is not reached, or the \
                 invitation is over (24 h after it was made, 10 min after it was redeemed); if it runs, make a new \
                 one there with `hms token --hms`",
                List(tried)
            ),
            Self::Ended { tried, reason } => write!(
                f,
                "the HMS that made the invitation answers at {}, but does not go on: {reason}; see its log, and \
                 try again",
                List(tried)
            ),
            Self::Refused { code: RefuseCode::Name, .. } => f.write_str(
                "another HMS of the cluster has the name of this one, which is that of the machine unless [hms] name \
                 is set; give it one of its own with `hms config set hms.name NAME`, and try again",
            ),
            Self::Refused { code, reason } => {
                f.write_str(match *code {
                    RefuseCode::Invitation => "the invitation was used by another HMS, or is over",
                    RefuseCode::Removed => "this HMS was removed from the cluster",
                    RefuseCode::Version => "the HMS that made the invitation has another version",
                    RefuseCode::Full => "the cluster has no room for one more HMS",
                    _ => "the HMS that made the invitation refuses this one",
                })?;
                if reason.is_empty() { Ok(()) } else { write!(f, "; it says: {reason}") }
            }
            Self::Stuck => f.write_str(
                "the HMS that made the invitation answered and then said nothing more; perhaps it cannot write its \
                 state directory: see its log, and try again",
            ),
            Self::Malformed => f.write_str(
                "what the HMS that made the invitation says cannot be read; have both run the same version",
            ),
            Self::OtherCluster => f.write_str(
                "this HMS has realms or members of its own, which would be lost in the other cluster; give it an \
                 empty state directory, or start it without --join",
            ),
            Self::NotStored => f.write_str(
                "what the cluster gave could not be stored; see to the state directory, and try again within 10 min",
            ),
        }
    }
}

impl std::error::Error for JoinError {}

/// Addresses as people write a list.
struct List<'a>(&'a [SocketAddr]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, address) in self.0.iter().enumerate() {
            write!(f, "{}{address}", if number == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
