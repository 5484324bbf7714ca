//! Entry digests (R-DIR-02).

use std::net::{IpAddr, SocketAddr};

use ring::digest::{Context, SHA256};

use crate::ident::UserId;
use crate::wire::emit_address;

/// Digest of an entry's visible content: user, late, published address without its port, content TLVs.
pub fn entry_digest(user: UserId, late: bool, address: Option<IpAddr>, content: &[u8]) -> u64 {
    let mut hash = Context::new(&SHA256);
    hash.update(b"hms1 entry");
    hash.update(&user.0);
    hash.update(&[u8::from(late)]);
    if let Some(ip) = address {
        let mut bytes = [0u8; 19];
        let mut rest = bytes.as_mut_slice();
        emit_address(&mut rest, SocketAddr::new(ip, 0));
        let unused = rest.len();
        hash.update(bytes.split_at(19 - unused).0);
    }
    hash.update(content);
    let digest = hash.finish();
    digest.as_ref().first_chunk::<8>().map_or(0, |head| u64::from_be_bytes(*head))
}
