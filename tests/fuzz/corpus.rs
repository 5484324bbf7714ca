//! The corpora: one text file a target, an entry on each line in base64 (`tools/fuzz/corpus.py` packs them), the
//! inputs that once found a defect, the golden datagrams, and the seeds.

use std::fs;
use std::path::PathBuf;

use data_encoding::{BASE64, HEXLOWER};
use serde_json::Value;

use crate::seeds::seeds;

/// One input.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

fn folder() -> PathBuf {
    PathBuf::from(crate::ROOT).join("tests/fuzz")
}

/// All inputs of a target.
pub(crate) fn entries(target: &str) -> Vec<Entry> {
    let mut all = packed(target);
    all.extend(found(target));
    let seeds = seeds(target).into_iter().enumerate();
    all.extend(seeds.map(|(at, bytes)| Entry { name: format!("seed {at}"), bytes }));
    if matches!(target, "wire" | "signed") {
        all.extend(golden(target));
    }
    if target == "peer" {
        all.extend(golden_messages());
    }
    all
}

fn packed(target: &str) -> Vec<Entry> {
    let path = folder().join("corpus").join(format!("{target}.txt"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let entry = |(at, line): (usize, &str)| Entry {
        name: format!("line {}", at + 1),
        bytes: BASE64.decode(line.as_bytes()).expect("base64"),
    };
    text.lines().enumerate().map(entry).collect()
}

/// Inputs that found a defect, which is mended: they stay.
fn found(target: &str) -> Vec<Entry> {
    let Ok(files) = fs::read_dir(folder().join("found").join(target)) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("an entry").path()).collect();
    paths.sort();
    let entry = |path: PathBuf| Entry {
        name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        bytes: fs::read(&path).expect("an input"),
    };
    paths.into_iter().map(entry).collect()
}

/// One file of golden vectors.
fn vectors(file: &str) -> Value {
    let path = folder().join("../../spec/vectors").join(file);
    serde_json::from_str(&fs::read_to_string(path).expect("vectors")).expect("JSON")
}

/// The bytes of a vector, and what it is called.
fn bytes_and_name(vector: &Value) -> (Vec<u8>, String) {
    let bytes = HEXLOWER.decode(vector["bytes"].as_str().unwrap_or_default().as_bytes()).expect("hex");
    (bytes, vector["name"].as_str().unwrap_or_default().to_owned())
}

/// The golden messages behind the number of their stream, and rows; BUCKETS is too long for a corpus.
fn golden_messages() -> Vec<Entry> {
    let value = vectors("peering.json");
    let messages = value["messages"].as_array().expect("messages").iter().map(|vector| {
        let streams = ["control", "deltas", "bulk"];
        (streams.iter().position(|stream| vector["stream"] == *stream).expect("a stream"), vector)
    });
    let rows = value["rows"]["rows"].as_array().expect("rows").iter().map(|row| (3, row));
    let entry = |(how, vector): (usize, &Value)| {
        let (bytes, name) = bytes_and_name(vector);
        Entry { name, bytes: [&[how as u8], &bytes[..]].concat() }
    };
    messages.chain(rows).map(entry).filter(|entry| entry.bytes.len() < 4096).collect()
}

/// The golden datagrams as the targets take them: type, flags, body; for `wire` whole as well.
fn golden(target: &str) -> Vec<Entry> {
    let value = vectors("datagrams.json");
    let mut all = Vec::new();
    for vector in value["datagrams"].as_array().expect("datagrams") {
        let (bytes, name) = bytes_and_name(vector);
        let body = &bytes[32..bytes.len() - 16];
        if target == "signed" {
            // To an HMS and to a host: type, flags, how, length, body.
            for (side, how) in [(0, 1), (1, 0)] {
                let length = (body.len() as u16).to_be_bytes();
                let head = [side, bytes[1], bytes[2], how, 255, length[0], length[1]];
                all.push(Entry { name: name.clone(), bytes: [&head, body].concat() });
            }
        } else {
            all.push(Entry { name: name.clone(), bytes: [&bytes[1..3], body].concat() });
            all.push(Entry { name, bytes });
        }
    }
    all
}

/// A generator that repeats itself: xorshift.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below.max(1)
    }
}

/// A bent copy: bits flipped, bytes set, cut short, or two entries spliced. The same each time.
pub(crate) fn bent(entry: &Entry, other: &Entry, round: usize) -> Vec<u8> {
    let seed =
        entry.bytes.iter().fold(round as u64 + 1, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3));
    let mut dice = Dice(seed | 1);
    let mut bytes = entry.bytes.clone();
    let at = dice.roll(bytes.len());
    match round % 4 {
        0 => {
            for _ in 0..=dice.roll(4) {
                let bit = dice.roll(bytes.len() * 8);
                bytes.get_mut(bit / 8).into_iter().for_each(|byte| *byte ^= 1 << (bit % 8));
            }
        }
        1 => bytes.truncate(at),
        2 => {
            let from = dice.roll(other.bytes.len());
            bytes.truncate(at);
            bytes.extend_from_slice(other.bytes.get(from..).unwrap_or_default());
        }
        _ => {
            let value = [0, 1, 0x7f, 0x80, 0xff][dice.roll(5)];
            bytes.get_mut(at).into_iter().for_each(|byte| *byte = value);
        }
    }
    bytes.truncate(4095);
    bytes
}
