//! A whole run: open, read, show.

use std::io::{self, BufWriter, Read, Write};

use crate::args::{Args, Filter, Who};
use crate::capture::{self, Reader};
use crate::datagram::Datagram;
use crate::dissector::{Dissector, Outcome, tree};
use crate::opened::Copy;
use crate::progress::{Aside, Progress};
use crate::show::{follow::Ladder, json, line, stats::Stats, table, verbose};
use crate::verify::Keys;

/// Bytes that are written at once.
const OUT: usize = 64 * 1024;

/// What is made of the datagrams.
enum Show {
    /// The text is used again for each line.
    Lines(String),
    Trees,
    Json,
    Ladder(Who, Ladder),
    Stats(Box<Stats>),
}

/// Does what the command line asks for: the program.
///
/// # Errors
/// If the capture or the keys cannot be read, or the output cannot be written.
pub fn run(args: &Args) -> Result<(), String> {
    let mut out = BufWriter::with_capacity(OUT, io::stdout().lock());
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
        Ok((from, source)) => {
            let mut stderr = io::stderr();
            let progress = Progress::wanted(source, args.stats);
            read(args, keys, from, out, &mut Aside::new(&mut stderr, path, progress))
        }
        Err(error) => {
            let text = error.to_string();
            Ok(Some(format!("{path}: {}", text.split(" (os error").next().unwrap_or_default())))
        }
    }
}

/// Shows a capture, packed or not, as `args` ask for, whatever file they name; what cannot be read is told to `aside`.
/// Returns why reading ended before the end.
///
/// # Errors
/// If `out` takes no more.
pub fn dissect(
    args: &Args,
    keys: Keys,
    capture: impl Read,
    out: &mut impl Write,
    aside: &mut impl Write,
) -> io::Result<Option<String>> {
    let name = args.file.as_deref().unwrap_or("-");
    match capture::unpack(capture) {
        Ok(from) => read(args, keys, from, out, &mut Aside::new(aside, name, None)),
        Err(error) => Ok(Some(format!("{name}: {error}"))),
    }
}

fn read(
    args: &Args,
    keys: Keys,
    from: impl Read,
    out: &mut impl Write,
    aside: &mut Aside<'_, impl Write>,
) -> io::Result<Option<String>> {
    let mut reader = Reader::new(from);
    let mut dissector = Dissector::new(keys, args.ports.clone());
    let filter = Filter::new(args);
    let mut show = match (&args.follow, args.stats, args.json, args.verbose) {
        (Some(who), ..) => Show::Ladder(Who::new(who), Ladder::default()),
        (_, true, ..) => Show::Stats(Box::default()),
        (_, _, true, _) => Show::Json,
        (_, _, _, true) => Show::Trees,
        _ => Show::Lines(String::new()),
    };
    let mut copy = match args.open.as_deref().map(|out| Copy::create(out, args.force)).transpose() {
        Ok(copy) => copy,
        Err(failure) => return Ok(Some(failure)),
    };
    let failure = loop {
        // What was found is shown before the next packet is waited for.
        if !reader.has_more() {
            out.flush()?;
        }
        let outcome = match reader.next() {
            Ok(Some(frame)) => dissector.frame(&frame),
            Ok(None) => break None,
            Err(error) => break Some(aside.of_file(&error)),
        };
        aside.packet(dissector.frames.all);
        if let (Outcome::Datagram(datagram), Some(copy)) = (&outcome, &mut copy)
            && let Err(failure) = copy.datagram(datagram)
        {
            break Some(failure);
        }
        match outcome {
            Outcome::Datagram(datagram) if filter.passes(&datagram) => show.datagram(&datagram, out)?,
            Outcome::Note(note) => aside.note(&note),
            _ => {}
        }
        for note in dissector.incomplete(false) {
            aside.note(&note);
        }
    };
    for note in dissector.incomplete(true) {
        aside.note(&note);
    }
    aside.end();
    show.end(&dissector, args, out, aside)?;
    let failure = failure.or_else(|| copy.and_then(|copy| copy.end().err()));
    Ok(failure)
}

impl Show {
    fn datagram(&mut self, datagram: &Datagram, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Lines(text) => {
                text.clear();
                line::add(text, datagram);
                text.push('\n');
                out.write_all(text.as_bytes())
            }
            Self::Trees => writeln!(out, "{}", verbose::verbose(datagram, &tree(datagram))),
            Self::Json => writeln!(out, "{}", json::line(&json::datagram(datagram, &tree(datagram)))),
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

    fn end(
        self,
        dissector: &Dissector,
        args: &Args,
        out: &mut impl Write,
        aside: &mut Aside<'_, impl Write>,
    ) -> io::Result<()> {
        match self {
            Self::Ladder(_, ladder) if ladder.is_empty() => {
                let who = args.follow.as_deref().unwrap_or_default();
                aside.say(&format!("nothing of {who} in this capture; `--stats` lists who is in it"));
                Ok(())
            }
            Self::Stats(stats) if args.json => writeln!(out, "{:#}", stats.json(dissector)),
            Self::Stats(stats) => out.write_all(stats.text(dissector).as_bytes()),
            _ => Ok(()),
        }
    }
}
