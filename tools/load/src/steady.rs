//! `hms-load steady`: hosts that register, one after the other, and then live.

use clap::Args;
use hms::shell::clock;
use hms::time::Duration;
use serde_json::{Value, json};

use crate::live::{Hosts, Live};
use crate::process::Process;
use crate::report::lines;

/// Many real hosts, each with its own key and an address of its own inside 127.0.0.0/8, that register and then live
#[derive(Debug, Args)]
pub(crate) struct Steady {
    #[command(flatten)]
    hosts: Hosts,
    /// For how long, from the first host's start; SIGINT or SIGTERM ends it sooner
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    seconds: u32,
    /// JSON instead of text: an object each second, the last one with "done": true
    #[arg(long)]
    json: bool,
}

impl Steady {
    pub(crate) fn run(&self) -> Result<(), String> {
        let process = Process::of(&self.hosts.state);
        let mut live = Live::begin(&self.hosts)?;
        let end = live.begun + Duration::from_secs(self.seconds.into());
        while live.step(end)? {
            if live.is_time_to_say() {
                self.say(&live, &process, false);
            }
        }
        self.say(&live, &process, true);
        Ok(())
    }

    fn say(&self, live: &Live<'_>, process: &Process, done: bool) {
        let seconds = clock::now().since(live.begun).as_secs_f64();
        let (counts, usage) = (&live.fleet.counts, process.usage());
        let mut all = counts.json();
        if let Some(all) = all.as_object_mut() {
            all.insert("seconds".into(), json!((seconds * 1000.0).round() / 1000.0));
            all.insert("hms".into(), usage.map_or(Value::Null, |usage| usage.json()));
            all.insert("done".into(), json!(done));
        }
        if self.json {
            println!("{all}");
        } else if done {
            println!("{}", lines(&all));
        } else {
            eprintln!(
                "{seconds:6.0} s  {} of {} registered, {} heartbeats, {} unanswered, {} registered again",
                counts.registered, counts.started, counts.heartbeats, counts.unanswered, counts.hosts_again
            );
        }
    }
}
