//! The tree of fields of a datagram, with the bytes that they stand in.

use crate::datagram::Datagram;
use crate::tree::Tree;

use super::line;

pub(crate) fn verbose(datagram: &Datagram, tree: &Tree) -> String {
    let captured = &datagram.captured;
    let layers: Vec<_> = captured.layers.iter().map(|layer| layer.text()).collect();
    let mut text = line::line(datagram);
    text.push_str(&format!("\n      {} / HMS, {} bytes\n", layers.join(" / "), captured.length));
    for node in &tree.nodes {
        let range = match node.at {
            Some((at, 1)) => format!("{at}"),
            Some((at, length)) if length > 0 => format!("{at}-{}", at + length - 1),
            Some((at, _)) => format!("{at}"),
            None => "=".into(),
        };
        // Bytes of a message that is whole with this packet are counted from its own first one.
        let range = if node.message.is_some() { format!("m {range}") } else { range };
        let indent = "  ".repeat(tree.depth(node));
        let title = node.field.title;
        text.push_str(&format!("  {range:>11}  {indent}{title}: {}\n", node.show()));
    }
    for expert in &datagram.experts {
        text.push_str(&format!("          {}: {}\n", expert.remark.severity.name(), expert.text));
    }
    text
}
