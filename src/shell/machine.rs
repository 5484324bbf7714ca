//! What the machine calls itself.

use super::sys;
use crate::ident::Name;

/// The host name up to its first dot; `host` if it has none that can be shown.
pub fn host_name() -> Name {
    let full = sys::host_name();
    let short = full.split('.').next().unwrap_or_default().trim();
    Name::new(short).or_else(|_| Name::new("host")).expect("a plain word is a name")
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_is_a_name() {
        assert!(!super::host_name().as_str().contains('.'));
    }
}
