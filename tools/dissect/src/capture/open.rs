//! Where a capture comes from: a file or a pipe, as it is or compressed.

use std::fs::File;
use std::io::{self, Chain, Cursor, Read};

use flate2::read::MultiGzDecoder;

/// What gzip files begin with.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

type Whole = Chain<Cursor<Vec<u8>>, Box<dyn Read>>;

/// Opens a file, or stdin for `-`, and unpacks what gzip packed.
pub(crate) fn open(path: &str) -> io::Result<Box<dyn Read>> {
    let from: Box<dyn Read> =
        if path == "-" { Box::new(io::stdin().lock()) } else { Box::new(File::open(path)?) };
    unpack(from)
}

fn unpack(mut from: Box<dyn Read>) -> io::Result<Box<dyn Read>> {
    let mut head = Vec::with_capacity(4);
    // One `read` of a pipe may bring less than was asked for.
    from.by_ref().take(4).read_to_end(&mut head)?;
    let packed = head.starts_with(&GZIP);
    if head.starts_with(&ZSTD) {
        let what = "the file is packed with zstd; unpack it: zstd -dc FILE | hms dissect -";
        return Err(io::Error::new(io::ErrorKind::Unsupported, what));
    }
    let whole: Whole = Cursor::new(head).chain(from);
    Ok(if packed { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) })
}
