//! The core without sockets: every figure is a ratio to a yardstick in the same run, interleaved, median of the rounds.
//!
//! `cargo bench --bench core`; `-- --rows 10000` for a quick look, `-- --only auth,heartbeat` for a part,
//! `-- --json FILE` writes the figures. Ends with 1 if a floor is missed.

mod alloc;
mod auth;
mod cpu;
mod expiry;
mod fanout;
mod hosts;
mod measure;
mod server;
mod table;
mod wire;

use std::process::ExitCode;

use measure::Report;

#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting::new();

/// What to measure.
struct Options {
    /// The largest table.
    rows: usize,
    rounds: usize,
    only: Vec<String>,
    json: Option<String>,
}

impl Options {
    fn read() -> Self {
        let mut options = Self { rows: 1_000_000, rounds: 11, only: Vec::new(), json: None };
        let mut words = std::env::args().skip(1);
        let number = |word: Option<String>| word.and_then(|n| n.parse().ok());
        while let Some(word) = words.next() {
            match word.as_str() {
                "--rows" => options.rows = number(words.next()).unwrap_or(options.rows),
                "--rounds" => options.rounds = number(words.next()).unwrap_or(options.rounds),
                "--only" => {
                    options.only.extend(words.next().iter().flat_map(|w| w.split(',').map(str::to_owned)));
                }
                "--json" => options.json = words.next(),
                _ => {}
            }
        }
        options
    }

    fn wants(&self, group: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == group)
    }

    /// Sizes of the table to measure at.
    fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = [10_000, 100_000].into_iter().filter(|n| *n < self.rows).collect();
        sizes.push(self.rows);
        sizes
    }
}

fn main() -> ExitCode {
    let options = Options::read();
    let mut report = Report::new(options.rounds);
    println!("time of the thread on its processor; ratios: median of {} interleaved rounds", options.rounds);
    if options.wants("wire") {
        wire::run(&mut report);
    }
    if options.wants("auth") {
        auth::run(&mut report);
    }
    if options.wants("registry") {
        table::run(&mut report, &options.sizes());
    }
    server::run(&mut report, &options);
    if options.wants("expiry") {
        expiry::run(&mut report, &options.sizes());
    }
    if options.wants("fan-out") {
        fanout::run(&mut report, options.rows);
    }
    let (figures, missed) = report.finish();
    if let Some(path) = options.json {
        let text = serde_json::to_string_pretty(&figures).unwrap_or_default();
        std::fs::write(&path, text + "\n").unwrap_or_else(|e| eprintln!("{path}: {e}"));
    }
    println!("\n{missed} floors missed");
    ExitCode::from(u8::from(missed > 0))
}
