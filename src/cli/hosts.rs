//! `hms hosts`: the registered hosts.

use serde_json::json;

use super::args::{Global, Hosts};
use super::fail::{OK, Outcome};
use super::rows::{self, List};
use super::{ask, out};

pub(super) fn run(args: &Hosts, global: &Global) -> Outcome {
    let answer = ask::server(global, &json!({"cmd": "hosts", "realm": args.realm}))?;
    if args.json {
        out::json(&answer);
        return Ok(OK);
    }
    if args.jsonl {
        answer.as_array().map(Vec::as_slice).unwrap_or_default().iter().for_each(out::line);
        return Ok(OK);
    }
    let rows = rows::read(&answer)?;
    if rows.is_empty() {
        out::note(
            "no host is registered; `hms token USER` prints the line that adds one, `hms why` what was refused",
        );
        return Ok(OK);
    }
    out::text(&rows::show(&rows, List::Hosts, out::colours()));
    out::note(rows::summary(&rows));
    Ok(OK)
}
