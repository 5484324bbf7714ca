use clap::CommandFactory;

use super::args::Cli;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_overview_names_every_command_with_the_words_of_its_help() {
    let mut command = Cli::command();
    let help = command.render_help().to_string();
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let line = help.lines().find(|line| line.trim_start().starts_with(&format!("{} ", sub.get_name())));
        assert!(line.is_some(), "`hms --help` lacks {}", sub.get_name());
        assert!(sub.get_about().is_some(), "{} has no help", sub.get_name());
    }
}

#[test]
fn every_help_fits_a_terminal() {
    for mut sub in Cli::command().get_subcommands().cloned().collect::<Vec<_>>() {
        let help = sub.render_long_help().to_string();
        let long = help.lines().find(|line| line.chars().count() > 130);
        assert_eq!(long, None, "{}", sub.get_name());
    }
}
