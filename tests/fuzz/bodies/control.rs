//! The control sockets: lines out of a stream that comes in any pieces, and the requests in them.

use hms::shell::control::{LINE_MAX, Lines, changes, request_body};
use hms::wire::Content;

use super::input::Input;
use super::keys::name;

pub(super) fn run(data: &[u8]) {
    pieces(data);
    let whole = lines(data, data.len().max(1));
    // Where the stream is torn makes no difference.
    for size in [1, 7] {
        assert_eq!(lines(data, size), whole);
    }
    let expected = data.split(|b| *b == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let ended = data.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let rest = !data[ended..].trim_ascii().is_empty();
    assert_eq!(whole.len() + usize::from(rest), expected.clone().count());
    assert!(whole.iter().zip(expected).all(|(line, wanted)| line == wanted));
    whole.iter().for_each(|line| request(line));
}

fn lines(data: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (mut lines, mut all) = (Lines::default(), Vec::new());
    for piece in data.chunks(size) {
        lines.push(piece);
        all.extend(std::iter::from_fn(|| lines.next_line()));
    }
    all
}

/// The same with repeated pieces, so that the bound is reached.
fn pieces(data: &[u8]) {
    let (mut input, mut lines, mut waiting) = (Input::new(data), Lines::default(), 0usize);
    for _ in 0..64 {
        if input.is_empty() || lines.is_too_long() {
            break;
        }
        let piece = input.chunk().repeat(usize::from(input.byte()));
        lines.push(&piece);
        waiting += piece.len();
        while let Some(line) = lines.next_line() {
            assert!(!line.contains(&b'\n') && !line.trim_ascii().is_empty());
            waiting = waiting.saturating_sub(line.len() + 1);
        }
        assert!(!lines.is_too_long() || waiting > LINE_MAX, "{waiting} bytes wait");
    }
}

/// What both daemons read out of a request, and what an agent does with `set`.
fn request(line: &[u8]) {
    let body = match request_body(line) {
        Ok(body) => body,
        Err(error) => return assert!(error.exit == 2 && !error.message.is_empty()),
    };
    assert!(body.is_object());
    let mut content = Content::new(name("anna"), name("desk"));
    for change in changes(&body).unwrap_or_default() {
        let _ = change.apply(&mut content);
    }
}
