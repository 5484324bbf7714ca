//! Comments of a capture, as HMSs write them and anybody may (R-CAP-10).

use hms::capture::Note;

pub(super) fn run(data: &[u8]) {
    // With a carriage return a line may end, so what is written with one is read without.
    let text = String::from_utf8_lossy(data).replace('\r', "");
    match Note::parse(&text) {
        Ok(note) => {
            let written = note.to_string();
            let again = Note::parse(&written).expect("what is written can be read");
            assert_eq!(again.to_string(), written);
            assert_eq!(again.verdict.word(), note.verdict.word());
            let told = |note: &Note<'_>| {
                [note.user, note.realm, note.hms, note.interface].map(|v| v.map(str::to_owned))
            };
            assert_eq!(told(&again), told(&note));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
