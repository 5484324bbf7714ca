//! What a dissector that verifies has to do at the least: reads a capture of raw IPv4 and makes one HMAC-SHA-256 of each
//! datagram, with one key that is ready. `.ci/long dissect` measures `hms-dissect` against it.
//! `yardstick FILE` prints how many datagrams there were, and a sum of the tags.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::process::ExitCode;

use ring::hmac;

/// IPv4 without options, and UDP.
const HEADERS: usize = 28;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: yardstick FILE");
        return ExitCode::FAILURE;
    };
    match run(&path) {
        Ok((count, sum)) => {
            println!("{count} datagrams, {sum:02x}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("yardstick: {path}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(path: &str) -> std::io::Result<(u64, u8)> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
    file.read_exact(&mut [0; 24])?;
    let (mut count, mut sum) = (0, 0);
    let (mut record, mut packet) = ([0; 16], vec![0; 1 << 16]);
    loop {
        match file.read_exact(&mut record) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok((count, sum)),
            read => read?,
        }
        let length = usize::from(u16::from_le_bytes([record[8], record[9]]));
        let packet = &mut packet[..length];
        file.read_exact(packet)?;
        let tag = hmac::sign(&key, packet.get(HEADERS..).unwrap_or_default());
        sum = tag.as_ref().iter().fold(sum, |sum, byte| sum ^ byte);
        count += 1;
    }
}
