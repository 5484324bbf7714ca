//! `hms gen`: what other programs need of this one.

use std::fs;
use std::path::Path;

use super::args::{Gen, GenWhat};
use super::fail::{Failure, OK, Outcome};
use super::out;

const DISSECTOR: &str = include_str!("../../tools/wireshark/hms.lua");

/// The files of the profile, by the names that Wireshark gives them.
const PROFILE: [(&str, &str); 3] = [
    ("colorfilters", include_str!("../../tools/wireshark/profile/colorfilters")),
    ("preferences", include_str!("../../tools/wireshark/profile/preferences")),
    ("dfilter_buttons", include_str!("../../tools/wireshark/profile/dfilter_buttons")),
];

pub(super) fn run(args: &Gen) -> Outcome {
    let GenWhat::Dissector { file, profile } = &args.what;
    if let Some(directory) = profile {
        fs::create_dir_all(directory).map_err(|error| failed("make", directory, &error))?;
        for (name, text) in PROFILE {
            write(&directory.join(name), text)?;
        }
    }
    match file {
        Some(file) => write(file, DISSECTOR)?,
        None => out::line(DISSECTOR.trim_end_matches('\n')),
    }
    Ok(OK)
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|error| failed("write", file, &error))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    let text = error.to_string();
    let why = text.split(" (os error").next().unwrap_or_default().to_lowercase();
    Failure::no(format!("cannot {what} {}: {why}; name another place", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dissector_and_profile_are_written_whole() {
        let directory = tempfile::tempdir().unwrap();
        let (file, profile) = (directory.path().join("hms.lua"), directory.path().join("profiles/HMS"));
        let args =
            Gen { what: GenWhat::Dissector { file: Some(file.clone()), profile: Some(profile.clone()) } };
        assert_eq!(run(&args), Ok(OK));
        assert_eq!(fs::read_to_string(file).unwrap(), DISSECTOR);
        for (name, text) in PROFILE {
            assert_eq!(fs::read_to_string(profile.join(name)).unwrap(), text, "{name}");
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("missing/hms.lua");
        let args = Gen { what: GenWhat::Dissector { file: Some(file.clone()), profile: None } };
        let message = run(&args).unwrap_err().message;
        assert!(message.contains(&file.display().to_string()), "{message}");
        assert!(message.contains("no such file"), "{message}");
    }
}
