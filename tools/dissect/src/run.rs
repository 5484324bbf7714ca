//! A whole run: open, read, show.

use std::io::{self, BufWriter, Read, Write};

use crate::args::{Args, Filter, Who};
use crate::capture::{self, Reader};
use crate::datagram::Datagram;
use crate::dissector::{Dissector, Outcome, tree};
use crate::opened::Copy;
use crate::show::{follow::Ladder, json, line, stats::Stats, table, verbose};
use crate::verify::Keys;

/// Notes that are printed one by one; the rest is counted.
const NOTES_MAX: u64 = 20;

/// What is made of the datagrams.
enum Show {
    Lines,
    Trees,
    Json,
    Ladder(Who, Ladder),
    Stats(Box<Stats>),
}

pub(crate) fn run(args: &Args) -> Result<(), String> {
    let mut out = BufWriter::new(io::stdout().lock());
    let done = start(args, &mut out).and_then(|failure| out.flush().map(|()| failure));
    match done {
        Ok(None) => Ok(()),
        Ok(Some(failure)) => Err(failure),
        // Who reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(format!("stdout: {error}")),
    }
}

/// What went wrong with the capture or the keys comes in the value, what with the output as the error.
fn start(args: &Args, out: &mut impl Write) -> io::Result<Option<String>> {
    if args.fields {
        let text = if args.json { format!("{:#}\n", table::json()) } else { table::text() };
        out.write_all(text.as_bytes())?;
        return Ok(None);
    }
    let mut keys = Keys::default();
    if let Err(failure) = args
        .keys
        .iter()
        .try_for_each(|path| keys.read(path))
        .and_then(|()| args.keylog.iter().try_for_each(|path| keys.key_log(path)))
    {
        return Ok(Some(failure));
    }
    if !args.verdicts.is_empty() && !keys.any() {
        return Ok(Some("--verdict needs --keys or --keylog: without keys nothing is verified".into()));
    }
    let path = args.file.as_deref().unwrap_or("-");
    if args.open.is_some() && !keys.any() {
        return Ok(Some("--open needs --keylog or --keys: without keys nothing is opened".into()));
    }
    match capture::open(path) {
        Ok(from) => read(args, keys, path, from, out),
        Err(error) => {
            let text = error.to_string();
            Ok(Some(format!("{path}: {}", text.split(" (os error").next().unwrap_or_default())))
        }
    }
}

fn read(
    args: &Args,
    keys: Keys,
    path: &str,
    from: impl Read,
    out: &mut impl Write,
) -> io::Result<Option<String>> {
    let mut reader = Reader::new(from);
    let mut dissector = Dissector::new(keys, args.ports.clone());
    let filter = Filter::new(args);
    let mut show = match (&args.follow, args.stats, args.json, args.verbose) {
        (Some(who), ..) => Show::Ladder(Who::new(who), Ladder::default()),
        (_, true, ..) => Show::Stats(Box::default()),
        (_, _, true, _) => Show::Json,
        (_, _, _, true) => Show::Trees,
        _ => Show::Lines,
    };
    let mut copy = match args.open.as_deref().map(|out| Copy::create(out, args.force)).transpose() {
        Ok(copy) => copy,
        Err(failure) => return Ok(Some(failure)),
    };
    let mut notes = 0;
    let failure = loop {
        // What was found is shown before the next packet is waited for.
        if !reader.has_more() {
            out.flush()?;
        }
        let outcome = match reader.next() {
            Ok(Some(frame)) => dissector.frame(&frame),
            Ok(None) => break None,
            Err(error) => break Some(format!("{path}: {error}")),
        };
        if let (Outcome::Datagram(datagram), Some(copy)) = (&outcome, &mut copy)
            && let Err(failure) = copy.datagram(datagram)
        {
            break Some(failure);
        }
        match outcome {
            Outcome::Datagram(datagram) if filter.passes(&datagram) => show.datagram(&datagram, out)?,
            Outcome::Note(note) => tell(&mut notes, path, &note),
            _ => {}
        }
        for note in dissector.incomplete(false) {
            tell(&mut notes, path, &note);
        }
    };
    for note in dissector.incomplete(true) {
        tell(&mut notes, path, &note);
    }
    if notes > NOTES_MAX {
        eprintln!("hms-dissect: {path}: {} more packets like these", notes - NOTES_MAX);
    }
    show.end(&dissector, args, out)?;
    let failure = failure.or_else(|| copy.and_then(|copy| copy.end().err()));
    Ok(failure)
}

fn tell(notes: &mut u64, path: &str, note: &str) {
    *notes += 1;
    if *notes <= NOTES_MAX {
        eprintln!("hms-dissect: {path}: {note}");
    }
}

impl Show {
    fn datagram(&mut self, datagram: &Datagram, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Lines => writeln!(out, "{}", line::line(datagram)),
            Self::Trees => writeln!(out, "{}", verbose::verbose(datagram, &tree(datagram))),
            Self::Json => writeln!(out, "{}", json::datagram(datagram, &tree(datagram))),
            Self::Ladder(who, ladder) if who.is_user_or_session(datagram) => {
                out.write_all(ladder.datagram(datagram).as_bytes())
            }
            Self::Ladder(..) => Ok(()),
            Self::Stats(stats) => {
                stats.datagram(datagram);
                Ok(())
            }
        }
    }

    fn end(self, dissector: &Dissector, args: &Args, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Ladder(_, ladder) if ladder.is_empty() => {
                let who = args.follow.as_deref().unwrap_or_default();
                eprintln!("hms-dissect: nothing of {who} in this capture; `--stats` lists who is in it");
                Ok(())
            }
            Self::Stats(stats) if args.json => writeln!(out, "{:#}", stats.json(dissector)),
            Self::Stats(stats) => out.write_all(stats.text(dissector).as_bytes()),
            _ => Ok(()),
        }
    }
}
