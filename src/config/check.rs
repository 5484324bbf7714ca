//! All problems of a settings file at once, and its values.

use std::ops::Range;

use toml_edit::{Document, Item, Table, TableLike};

use super::problem::ConfigProblem;
use super::schema::{self, Key, Section};
use super::suggest::nearest;
use super::value::{self, Fault, Parsed};
use super::{Ack, Config, PreferConfig, RealmLimits, Update};

/// What a settings file says: usable only if [`Checked::usable`].
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// The values; the default where a key is absent or wrong.
    pub config: Config,
    /// What is wrong, in the order of the lines.
    pub problems: Vec<ConfigProblem>,
    /// The file, where it was read from one.
    pub file: Option<std::path::PathBuf>,
}

impl Checked {
    /// Whether nothing was found.
    pub fn usable(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Reads the text of a settings file; `file` is how the problems call it.
pub fn check(text: &str, file: &str) -> Checked {
    let mut checker = Checker { text, file, checked: Checked::default() };
    match Document::parse(text) {
        Ok(document) => checker.document(document.as_table()),
        Err(error) => {
            let remedy = syntax_remedy(error.message());
            let problem = first_lower(error.message());
            checker.error(error.span(), None, format!("not TOML: {problem}"), remedy);
        }
    }
    let mut checked = checker.checked;
    checked.problems.sort_by_key(|problem| problem.line);
    checked
}

/// A key, its value, and where that stands.
type Reading = (&'static Key, Parsed, Option<Range<usize>>);

struct Checker<'a> {
    text: &'a str,
    file: &'a str,
    checked: Checked,
}

impl Checker<'_> {
    fn document(&mut self, root: &Table) {
        for (name, item) in root.iter() {
            let span = root.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            match schema::section(name) {
                Some(section) => self.section(section, item, span),
                None => self.unknown_section(name, item, span),
            }
        }
    }

    fn section(&mut self, section: &Section, item: &Item, span: Option<Range<usize>>) {
        let name = section.name;
        if section.repeated {
            let Some(blocks) = blocks(item) else {
                let remedy = format!("write [[{name}]] with two brackets: there may be several");
                return self.error(
                    span,
                    Some(name.to_owned()),
                    "is not a list of sections".to_owned(),
                    remedy,
                );
            };
            blocks
                .iter()
                .for_each(|(block, at)| self.block(name, *block, at.clone().or_else(|| span.clone())));
            return;
        }
        let Some(table) = item.as_table_like() else {
            let (problem, remedy) = if item.is_array_of_tables() {
                (
                    "stands in the file as a list of sections",
                    format!("write [{name}] with single brackets, once"),
                )
            } else {
                ("is a section, not a value", format!("write [{name}] on a line of its own"))
            };
            return self.error(span, Some(name.to_owned()), problem.to_owned(), remedy);
        };
        for (key, parsed, _) in self.values(name, table) {
            apply(&mut self.checked.config, key, parsed);
        }
    }

    fn block(&mut self, section: &'static str, block: &dyn TableLike, span: Option<Range<usize>>) {
        let values = self.values(section, block);
        for key in schema::KEYS.iter().filter(|key| key.section == section && key.required) {
            if !block.contains_key(key.name) {
                let remedy = format!("add the line {} = … to this [[{section}]]", key.name);
                self.error(span.clone(), Some(full(section, key.name)), "is missing".to_owned(), remedy);
            }
        }
        match section {
            "realm" => self.realm(values),
            "prefer" => self.prefer(values),
            _ => {}
        }
    }

    fn prefer(&mut self, values: Vec<Reading>) {
        let (mut network, mut name) = (None, None);
        for (key, parsed, span) in values {
            match (key.name, parsed) {
                ("prefix", Parsed::Prefix(ip, bits)) => network = Some(((ip, bits), span)),
                ("hms", Parsed::Name(parsed)) => name = Some(parsed),
                _ => {}
            }
        }
        let (Some(((network, bits), span)), Some(hms)) = (network, name) else { return };
        let same = |prefer: &PreferConfig| (prefer.network, prefer.bits) == (network, bits);
        if self.checked.config.prefer.iter().any(same) {
            let problem = format!("there are two [[prefer]] for {network}/{bits}");
            return self.error(
                span,
                Some("prefer.prefix".to_owned()),
                problem,
                "keep one of them".to_owned(),
            );
        }
        self.checked.config.prefer.push(PreferConfig { network, bits, hms });
    }

    fn realm(&mut self, values: Vec<Reading>) {
        let (mut name, mut max_hosts, mut max_rate) = (None, None, None);
        for (key, parsed, span) in values {
            match (key.name, parsed) {
                ("name", Parsed::Name(parsed)) => name = Some((parsed, span)),
                ("max_hosts", Parsed::Integer(n)) => max_hosts = usize::try_from(n).ok(),
                ("max_rate", Parsed::Integer(n)) => max_rate = u32::try_from(n).ok(),
                _ => {}
            }
        }
        let Some((name, span)) = name else { return };
        if self.checked.config.realm(name.as_str()).is_some() {
            let problem = format!("there are two [[realm]] named \"{name}\"");
            return self.error(span, Some("realm.name".to_owned()), problem, "keep one of them".to_owned());
        }
        self.checked.config.realms.push(RealmLimits { name, max_hosts, max_rate });
    }

    /// The readable values of one section; what is wrong with the others is noted.
    fn values(&mut self, section: &'static str, table: &dyn TableLike) -> Vec<Reading> {
        let mut values = Vec::new();
        for (name, item) in table.iter() {
            let span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
            let Some(key) = schema::find(section, name) else {
                self.unknown_key(section, name, span);
                continue;
            };
            match value::read(key.kind, item) {
                Ok(parsed) => values.push((key, parsed, item.span().or(span))),
                Err(faults) => faults.into_iter().for_each(|fault| self.fault(key, fault, span.clone())),
            }
        }
        values
    }

    fn fault(&mut self, key: &Key, fault: Fault, span: Option<Range<usize>>) {
        self.error(fault.span.or(span), Some(full(key.section, key.name)), fault.problem, fault.remedy);
    }

    fn unknown_section(&mut self, name: &str, item: &Item, span: Option<Range<usize>>) {
        let homes: Vec<&str> = schema::sections_with(name).collect();
        if let (Some(home), false) = (homes.first(), item.is_table_like()) {
            let (problem, remedy) =
                ("stands outside of its section", format!("move it below {}", header(home)));
            return self.error(span, Some(name.to_owned()), problem.to_owned(), remedy);
        }
        let sections = schema::SECTIONS.iter().map(|section| section.name);
        let all = schema::SECTIONS.iter().map(|s| header(s.name)).collect::<Vec<_>>().join(", ");
        let remedy = match nearest(name, sections) {
            Some(near) => format!("did you mean {}?", header(near)),
            None => format!("remove it; there are {all}"),
        };
        let what = if item.is_value() { "unknown key" } else { "unknown section" };
        self.error(span, Some(name.to_owned()), what.to_owned(), remedy);
    }

    fn unknown_key(&mut self, section: &str, name: &str, span: Option<Range<usize>>) {
        let elsewhere = schema::sections_with(name).next();
        let remedy = match (nearest(name, schema::names(section)), elsewhere) {
            (_, Some(home)) => format!("it belongs below {}", header(home)),
            (Some(near), _) => format!("did you mean {near}?"),
            (None, None) => {
                let names: Vec<&str> = schema::names(section).collect();
                format!("remove it; {} has {}", header(section), names.join(", "))
            }
        };
        self.error(span, Some(full(section, name)), "unknown key".to_owned(), remedy);
    }

    fn error(&mut self, span: Option<Range<usize>>, key: Option<String>, problem: String, remedy: String) {
        let line = span.map_or(1, |span| line_of(self.text, span.start));
        let file = self.file.to_owned();
        self.checked.problems.push(ConfigProblem { file, line, key, problem, remedy });
    }
}

/// A section's keys, and where it stands.
type Block<'a> = (&'a dyn TableLike, Option<Range<usize>>);

/// The blocks of `[[name]]`, or of a list of inline tables, with where they stand.
fn blocks(item: &Item) -> Option<Vec<Block<'_>>> {
    if let Some(tables) = item.as_array_of_tables() {
        return Some(tables.iter().map(|t| (t as &dyn TableLike, t.span())).collect());
    }
    let array = item.as_array()?;
    let tables = array.iter().map(|v| v.as_inline_table().map(|t| (t as &dyn TableLike, t.span())));
    tables.collect()
}

fn apply(config: &mut Config, key: &Key, parsed: Parsed) {
    match (key.name, parsed) {
        ("name", Parsed::Name(name)) => config.name = Some(name),
        ("listen", Parsed::Addresses(listen)) => config.listen = listen,
        ("interfaces", Parsed::Interfaces(interfaces)) => config.interfaces = interfaces,
        ("standalone", Parsed::Bool(standalone)) => config.standalone = standalone,
        ("check_time", Parsed::Duration(check_time)) => config.check_time = check_time,
        ("expiry_factor", Parsed::Number(factor)) => config.expiry_factor = factor,
        ("update", Parsed::Choice(word)) => config.update = update(word),
        ("push", Parsed::Bool(push)) => config.push = push,
        ("all_rows", Parsed::Integer(rows)) => config.all_rows = usize::try_from(rows).unwrap_or_default(),
        ("hints", Parsed::Bool(hints)) => config.hints = hints,
        ("address", Parsed::Addresses(address)) => config.peers.address = address,
        ("bind", Parsed::Ip(bind)) => config.peers.bind = Some(bind),
        ("exchange_time", Parsed::Duration(exchange_time)) => config.peers.exchange_time = exchange_time,
        ("immediate", Parsed::Bool(immediate)) => config.peers.immediate = immediate,
        ("ack", Parsed::Choice(word)) => config.peers.ack = ack(word),
        ("start_tries", Parsed::Integer(n)) => config.peers.start_tries = u32::try_from(n).unwrap_or(1),
        ("start_wait", Parsed::Duration(start_wait)) => config.peers.start_wait = start_wait,
        _ => {}
    }
}

fn update(word: &str) -> Update {
    match word {
        "always" => Update::Always,
        "on-request" => Update::OnRequest,
        _ => Update::OnChange,
    }
}

fn ack(word: &str) -> Ack {
    if word == "replicated" { Ack::Replicated } else { Ack::Local }
}

fn full(section: &str, name: &str) -> String {
    format!("{section}.{name}")
}

fn header(section: &str) -> String {
    let repeated = schema::section(section).is_some_and(|s| s.repeated);
    if repeated { format!("[[{section}]]") } else { format!("[{section}]") }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|b| *b == b'\n').count()
}

fn first_lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn syntax_remedy(message: &str) -> String {
    let message = message.to_ascii_lowercase();
    let remedy = if message.contains("duplicate") {
        "keep one of the two lines"
    } else if message.contains("string") || message.contains("quot") {
        "put texts in quotes: name = \"atlas\""
    } else if message.contains("equal") || message.contains('=') {
        "write KEY = VALUE, one on a line"
    } else {
        "write KEY = VALUE with texts in quotes; `hms config default` prints a correct file"
    };
    remedy.to_owned()
}
