//! One JSON object a datagram: the form in which it is compared with what tshark prints.

use serde_json::{Value, json};

use crate::datagram::Datagram;
use crate::tree::{Tree, seconds};

use super::rfc3339;

pub(crate) fn datagram(datagram: &Datagram, tree: &Tree) -> Value {
    let captured = &datagram.captured;
    let layers: Vec<_> = captured.layers.iter().map(|layer| layer.text()).collect();
    let fields: Vec<_> = tree
        .nodes
        .iter()
        .map(|node| {
            json!({
                "name": node.field.name,
                "value": node.text(),
                "show": node.show(),
                "offset": node.at.map(|(at, _)| at),
                "length": node.at.map(|(_, length)| length),
                "parent": node.parent,
                "message": node.message,
            })
        })
        .collect();
    let experts: Vec<_> = datagram
        .experts
        .iter()
        .map(|expert| {
            let remark = expert.remark;
            json!({"name": remark.name, "severity": remark.severity.name(), "group": remark.group, "text": expert.text})
        })
        .collect();
    let malformed = datagram.malformed.as_ref();
    json!({
        "frame": captured.frame,
        "time": captured.time.and_then(rfc3339),
        "epoch": captured.time.map(seconds),
        "source": captured.source.to_string(),
        "destination": captured.destination.to_string(),
        "layers": layers,
        "length": captured.length,
        "captured": captured.bytes.len(),
        "type": datagram.type_text(),
        "user_name": datagram.name,
        "info": datagram.words,
        "verdict": datagram.finding.as_ref().map(|finding| {
            json!({"code": finding.verdict.name(), "why": finding.why})
        }),
        "malformed": malformed.map(|it| json!({"what": it.what, "where": it.at, "counted_as": it.reason})),
        "expert": experts,
        "fields": fields,
    })
}

/// The text of a value on one line. JSON lets DEL and the controls of U+0080 to U+009F stand as they are; some terminals
/// act on them.
pub(crate) fn line(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains(is_left) {
        return text;
    }
    text.chars().fold(String::with_capacity(text.len() + 16), |mut line, c| {
        if is_left(c) {
            line.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            line.push(c);
        }
        line
    })
}

const fn is_left(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}')
}
