//! `hms hosts`: the registered hosts.

use serde_json::json;

use super::args::{Global, Hosts};
use super::fail::{OK, Outcome};
use super::rows::{self, List};
use super::{ask, out};

pub(super) fn run(args: &Hosts, global: &Global) -> Outcome {
    let request = json!({"cmd": "hosts", "realm": args.realm});
    if args.jsonl {
        ask::server_list(global, &request, &mut |row| out::raw(row.get()))?;
        return Ok(OK);
    }
    let mut lines = Vec::new();
    ask::server_list(global, &request, &mut |row| lines.push(row))?;
    if args.json {
        out::raw_array(&rows::sorted(lines)?);
        return Ok(OK);
    }
    let rows = rows::parse(&rows::sorted(lines)?)?;
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
