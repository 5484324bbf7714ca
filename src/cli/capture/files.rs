//! Where a capture goes: stdout, a file, or several that take turns.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::super::fail::Failure;
use crate::capture::{Block, BlockKind};

/// What is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) file: &'a Path,
    pub(super) force: bool,
    pub(super) max_size: Option<u64>,
    /// So many at most, the one that is written included.
    pub(super) files: u16,
}

impl Plan<'_> {
    fn place(&self) -> Place {
        let files = if self.max_size.is_some() { self.files } else { 1 };
        Place { file: self.file.to_owned(), max_size: self.max_size, files, older: 0, removed: 0 }
    }

    /// Whether [`Files::create`] would overwrite what must not be.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let place = self.place();
        (0..place.files).try_for_each(|number| free(&place.name(number), self.force, false))
    }
}

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Yes,
    /// Whoever read stdout went away.
    NobodyReads,
}

/// The files of one capture. An older one has a number: `f.pcapng`, then `f.1.pcapng`, which is the newest of them.
pub(super) struct Files {
    out: BufWriter<Box<dyn Write>>,
    /// Nothing of it for stdout.
    place: Option<Place>,
    /// Section and interfaces, which each file begins with.
    head: Vec<u8>,
    size: u64,
    has_packets: bool,
}

struct Place {
    file: PathBuf,
    max_size: Option<u64>,
    files: u16,
    older: usize,
    removed: usize,
}

impl Files {
    /// To stdout.
    pub(super) fn stdout() -> Self {
        Self::new(Box::new(io::stdout()), None)
    }

    /// To a file that is not there, or may go, and neither are its successors.
    pub(super) fn create(plan: Plan<'_>) -> Result<Self, Failure> {
        let place = plan.place();
        for number in 0..place.files {
            free(&place.name(number), plan.force, true)?;
        }
        let file = place.open()?;
        Ok(Self::new(Box::new(file), Some(place)))
    }

    fn new(out: Box<dyn Write>, place: Option<Place>) -> Self {
        Self { out: BufWriter::new(out), place, head: Vec::new(), size: 0, has_packets: false }
    }

    /// Older files that are there.
    pub(super) fn older(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.older)
    }

    /// Files that were written and removed for newer ones.
    pub(super) fn removed(&self) -> usize {
        self.place.as_ref().map_or(0, |place| place.removed)
    }

    /// Writes a block, to a new file if this one is full.
    pub(super) fn write(&mut self, block: &Block<'_>) -> Result<Written, Failure> {
        let length = block.bytes.len() as u64;
        match block.kind {
            BlockKind::Section | BlockKind::Interface => self.head.extend_from_slice(block.bytes),
            BlockKind::Packet if self.has_packets && self.is_full(length) => self.turn_over()?,
            _ => {}
        }
        self.has_packets |= block.kind == BlockKind::Packet;
        self.size += length;
        let result = self.out.write_all(block.bytes);
        self.told(result)
    }

    fn is_full(&self, more: u64) -> bool {
        let most = self.place.as_ref().and_then(|place| place.max_size);
        most.is_some_and(|most| self.size + more > most)
    }

    /// What was written is seen by who reads.
    pub(super) fn flush(&mut self) -> Result<Written, Failure> {
        let result = self.out.flush();
        self.told(result)
    }

    fn told(&self, result: io::Result<()>) -> Result<Written, Failure> {
        match (result, &self.place) {
            (Ok(()), _) => Ok(Written::Yes),
            (Err(error), None) if error.kind() == ErrorKind::BrokenPipe => Ok(Written::NobodyReads),
            (Err(error), None) => Err(Failure::no(format!("cannot write to stdout: {error}"))),
            (Err(error), Some(place)) => Err(Failure::file(&place.file, &error)),
        }
    }

    fn turn_over(&mut self) -> Result<(), Failure> {
        self.flush()?;
        let Some(place) = &mut self.place else { return Ok(()) };
        place.shift()?;
        self.out = BufWriter::new(Box::new(place.open()?));
        let result = self.out.write_all(&self.head);
        self.told(result)?;
        (self.size, self.has_packets) = (self.head.len() as u64, false);
        Ok(())
    }
}

impl Place {
    /// `f.pcapng` is number 0, `f.2.pcapng` number 2.
    fn name(&self, number: u16) -> PathBuf {
        if number == 0 {
            return self.file.clone();
        }
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
        let extension = self.file.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
        self.file.with_file_name(format!("{stem}.{number}{}", extension.unwrap_or_default()))
    }

    fn open(&self) -> Result<File, Failure> {
        let options = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.file);
        options.map_err(|error| Failure::file(&self.file, &error))
    }

    /// Makes room for a new file; the oldest goes if there are as many as there may be.
    fn shift(&mut self) -> Result<(), Failure> {
        let kept = usize::from(self.files - 1);
        if self.older >= kept {
            let oldest = self.name(self.files - 1);
            fs::remove_file(&oldest).map_err(|error| Failure::file(&oldest, &error))?;
            (self.older, self.removed) = (self.older - 1, self.removed + 1);
        }
        for number in (0..=self.older).rev().filter_map(|number| u16::try_from(number).ok()) {
            let from = self.name(number);
            fs::rename(&from, self.name(number + 1)).map_err(|error| Failure::file(&from, &error))?;
        }
        self.older += 1;
        Ok(())
    }
}

/// Nothing is there, or it may go.
fn free(path: &Path, force: bool, remove: bool) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::file(path, &error)),
        Ok(there) if !there.is_file() => {
            Err(Failure::usage(format!("{} is no file; `-w -` writes to stdout", path.display())))
        }
        Ok(_) if !force => Err(Failure::usage(format!(
            "{} is there already; name another file, or overwrite it with --force",
            path.display()
        ))),
        Ok(_) if !remove => Ok(()),
        Ok(_) => fs::remove_file(path).map_err(|error| Failure::file(path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn block(kind: BlockKind, bytes: &[u8]) -> Block<'_> {
        Block { kind, bytes }
    }

    #[test]
    fn full_files_take_turns_and_the_oldest_goes() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("it.pcapng");
        let plan = Plan { file: &file, force: false, max_size: Some(10), files: 3 };
        let mut files = Files::create(plan).expect("made");
        files.write(&block(BlockKind::Section, b"HEAD")).expect("written");
        for packet in [b"aaaa", b"bbbb", b"cccc", b"dddd", b"eeee"] {
            files.write(&block(BlockKind::Packet, packet)).expect("written");
        }
        files.write(&block(BlockKind::Interface, b"MORE")).expect("written");
        files.write(&block(BlockKind::Packet, b"ffffgggg")).expect("larger than a file");
        files.write(&block(BlockKind::Statistics, b"LAST")).expect("written");
        files.flush().expect("written");
        assert_eq!((files.older(), files.removed()), (2, 3));
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect("there");
        assert_eq!(read("it.pcapng"), "HEADMOREffffggggLAST");
        assert_eq!(read("it.1.pcapng"), "HEADeeeeMORE");
        assert_eq!(read("it.2.pcapng"), "HEADdddd");
        assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 3);
        let mode = fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "whom an HMS talks to is nobody's business");
    }

    #[test]
    fn what_is_there_stays_unless_it_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, older) = (dir.path().join("it"), dir.path().join("it.1"));
        fs::write(&older, "mine").expect("written");
        let plan = Plan { file: &file, force: false, max_size: Some(1000), files: 2 };
        let refused = Files::create(plan).err().expect("refused");
        assert!(refused.exit == 2 && refused.message.contains("--force"), "{refused}");
        assert!(!file.exists(), "nothing was made");
        let forced = Plan { force: true, ..plan };
        assert!(plan.check().is_err() && forced.check().is_ok() && older.exists());
        assert!(Files::create(Plan { max_size: None, ..plan }).is_ok(), "no older files are made");
        assert!(Files::create(forced).is_ok() && !older.exists());
        let directory = Plan { file: dir.path(), force: true, ..plan };
        assert!(Files::create(directory).err().is_some_and(|error| error.message.contains("no file")));
    }
}
