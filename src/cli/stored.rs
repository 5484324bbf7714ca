//! Whether all HMSs have stored what was decided at one of them (R-PEE-26).

use serde_json::Value;

use super::fail::{NO, OK};
use super::{human, out};

/// Says which HMSs have not, and how the command ends.
pub(super) fn everywhere(answer: &Value) -> u8 {
    match told(answer) {
        None => OK,
        Some(text) => {
            out::note(text);
            NO
        }
    }
}

fn told(answer: &Value) -> Option<String> {
    let missing = answer.get("missing").and_then(Value::as_array);
    let missing: Vec<String> =
        missing.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let (who, them) = match missing.as_slice() {
        [] => return None,
        [one] => (format!("HMS {one} has"), "it is"),
        several => (format!("the HMSs {} have", human::list(several)), "they are"),
    };
    Some(format!("in force here, but {who} not stored it yet: this follows by itself when {them} reached"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn those_that_are_missing_are_named() {
        assert_eq!(told(&json!({"user": "ann", "missing": []})), None);
        assert_eq!(told(&json!({"user": "ann"})), None);
        let one = told(&json!({"missing": ["borealis"]})).expect("said");
        assert!(one.contains("HMS borealis has not stored it yet"), "{one}");
        let two = told(&json!({"missing": ["borealis", "osaka"]})).expect("said");
        assert!(two.contains("the HMSs borealis and osaka have not"), "{two}");
    }
}
