//! Checks the models of the cluster exhaustively and prints how many states there are.

mod check;
mod cycles;
mod plants;
mod roles;
mod suites;
mod table;

use std::process::ExitCode;

const USAGE: &str = "usage: hms-model roles | table | laws | all | deep | plants | --plant NAME";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let good = match words.as_slice() {
        ["roles"] => suites::roles(),
        ["table"] => suites::table(),
        ["laws"] => suites::laws(),
        ["all"] => [suites::roles(), suites::laws(), suites::table(), plants::all()].iter().all(|good| *good),
        ["deep"] => suites::deep(),
        ["plants"] => plants::all(),
        ["--plant", name] => plants::one(name),
        _ => {
            eprintln!("{USAGE}\nplants: {}", plants::names().join(", "));
            return ExitCode::from(2);
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
