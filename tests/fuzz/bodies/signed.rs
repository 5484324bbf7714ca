//! Bodies of any type, any flags and any content behind a right tag: said to an HMS by a registered user, and to a
//! registered host by its HMS.

use super::input::Input;
use super::{host, server};

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    if input.one_in(2) { host::crafted(&mut input) } else { server::crafted(&mut input) }
}
