//! The table of fields and remarks, for people and for those who write other dissectors.

use serde_json::{Value, json};

use crate::expert;
use crate::fields::names::{self, Field};

pub(crate) fn text() -> String {
    let mut text =
        String::from("FIELD                          TYPE           MASK  TITLE               MEANING\n");
    for field in names::ALL {
        let kind = match field.kind.base() {
            Some(base) => format!("{} {base}", field.kind.name()),
            None => field.kind.name().to_owned(),
        };
        let mask = if field.mask == 0 { String::new() } else { format!("0x{:02x}", field.mask) };
        text.push_str(&format!(
            "{:<30} {kind:<14} {mask:<5} {:<19} {}\n",
            field.name, field.title, field.about
        ));
    }
    text.push_str("\nREMARK                         SEVERITY  GROUP      MEANING\n");
    for remark in expert::ALL {
        let severity = remark.severity.name();
        text.push_str(&format!("{:<30} {severity:<9} {:<10} {}\n", remark.name, remark.group, remark.about));
    }
    text
}

pub(crate) fn json() -> Value {
    let fields: Vec<_> = names::ALL.iter().map(|field| one(field)).collect();
    let experts: Vec<_> = expert::ALL
        .iter()
        .map(|remark| {
            let severity = remark.severity.name();
            json!({"name": remark.name, "severity": severity, "group": remark.group, "about": remark.about})
        })
        .collect();
    json!({"fields": fields, "experts": experts})
}

fn one(field: &Field) -> Value {
    let values = field.values.map(|values| {
        let pairs = values().into_iter().map(|(code, name)| (code.to_string(), Value::from(name)));
        Value::Object(pairs.collect())
    });
    json!({
        "name": field.name,
        "type": field.kind.name(),
        "base": field.kind.base(),
        "mask": (field.mask != 0).then(|| format!("0x{:02x}", field.mask)),
        "title": field.title,
        "about": field.about,
        "values": values,
        "generated": field.is_generated(),
    })
}
