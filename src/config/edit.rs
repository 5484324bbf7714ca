//! `hms config get` and `set`: single keys, comments kept.

use std::fmt;

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, TableLike, Value};

use super::check::check;
use super::problem::ConfigProblem;
use super::schema::{self, Key, Kind};
use super::suggest::nearest;

/// Why a key could not be read or set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// There is no such key; the text says which is near.
    UnknownKey(String),
    /// The value does not fit, or the file is broken otherwise.
    Problem(ConfigProblem),
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey(text) => f.write_str(text),
            Self::Problem(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for EditError {}

/// A key with its value, as `hms config get` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Such as `hosts.check_time`, `realm.acme.max_hosts`.
    pub key: String,
    /// The value as in the file, texts without their quotes.
    pub value: String,
    /// The file says so; else it is the default.
    pub set: bool,
}

/// A key as given on the command line: `check_time`, `hosts.check_time`, `realm.acme.max_hosts`.
struct Target {
    key: &'static Key,
    /// Which `[[realm]]`.
    block: Option<String>,
}

fn target(text: &str) -> Result<Target, EditError> {
    let found = match *text.split('.').collect::<Vec<_>>().as_slice() {
        [name] => plain_keys().find(|key| key.name == name).map(|key| Target { key, block: None }),
        [section, name] => plain_keys()
            .find(|key| key.section == section && key.name == name)
            .map(|key| Target { key, block: None }),
        ["realm", .., name] => {
            let block = text
                .strip_prefix("realm.")
                .and_then(|t| t.strip_suffix(name))
                .map(|t| t.trim_end_matches('.'));
            schema::find("realm", name)
                .filter(|key| !key.required)
                .map(|key| Target { key, block: block.map(str::to_owned) })
        }
        _ => None,
    };
    found.ok_or_else(|| unknown(text))
}

/// The keys that have exactly one place in the file.
fn plain_keys() -> impl Iterator<Item = &'static Key> {
    schema::KEYS.iter().filter(|key| schema::section(key.section).is_some_and(|s| !s.repeated))
}

fn unknown(text: &str) -> EditError {
    let fulls: Vec<String> = plain_keys().map(|key| format!("{}.{}", key.section, key.name)).collect();
    let name = text.rsplit('.').next().unwrap_or(text);
    let near = nearest(text, fulls.iter().map(String::as_str))
        .or_else(|| nearest(name, plain_keys().map(|key| key.name)))
        .or_else(|| text.starts_with("realm").then_some("realm.NAME.max_hosts"));
    EditError::UnknownKey(match near {
        Some(near) => format!("unknown key {text:?}; did you mean {near}?"),
        None => format!("unknown key {text:?}; `hms config get` lists them all"),
    })
}

/// The value of one key in the text of a settings file, or its default.
pub fn get(text: &str, file: &str, key: &str) -> Result<Setting, EditError> {
    let target = target(key)?;
    let document = parse(text, file)?;
    Ok(read(&document, &target))
}

/// All keys of this version with their values.
pub fn settings(text: &str, file: &str) -> Result<Vec<Setting>, EditError> {
    let document = parse(text, file)?;
    let plain = plain_keys().map(|key| Target { key, block: None });
    let realms = check(text, file).config.realms;
    let blocks = realms.iter().flat_map(|realm| {
        let keys = schema::KEYS.iter().filter(|key| key.section == "realm" && !key.required);
        keys.map(|key| Target { key, block: Some(realm.name.to_string()) })
    });
    Ok(plain.chain(blocks).map(|target| read(&document, &target)).collect())
}

/// The text with one key set; the whole is checked, and other comments and lines stay as they are.
pub fn set(text: &str, file: &str, key: &str, value: &str) -> Result<String, EditError> {
    let target = target(key)?;
    let mut document = parse(text, file)?;
    let table = table_for(&mut document, &target).ok_or_else(|| unknown(key))?;
    let mut new = to_value(target.key.kind, value);
    if let Some(Item::Value(old)) = table.get(target.key.name) {
        *new.decor_mut() = old.decor().clone();
    }
    match table.get_mut(target.key.name) {
        Some(item) => *item = Item::Value(new),
        None => {
            table.insert(target.key.name, Item::Value(new));
        }
    }
    let edited = document.to_string();
    // A fault that was there before is no reason to refuse: the edit may be one of several that mend the file.
    let before = check(text, file).problems;
    let is_old = |problem: &ConfigProblem| {
        before.iter().any(|old| old.key == problem.key && old.problem == problem.problem)
    };
    let fresh = check(&edited, file).problems.into_iter().find(|problem| !is_old(problem));
    fresh.map_or(Ok(edited), |problem| Err(EditError::Problem(problem)))
}

fn parse(text: &str, file: &str) -> Result<DocumentMut, EditError> {
    text.parse::<DocumentMut>().map_err(|error| {
        let known = check(text, file).problems.into_iter().next();
        EditError::Problem(known.unwrap_or_else(|| ConfigProblem {
            file: file.to_owned(),
            line: 1,
            key: None,
            problem: error.message().to_owned(),
            remedy: "`hms check` names the place".to_owned(),
        }))
    })
}

fn read(document: &DocumentMut, target: &Target) -> Setting {
    let item = match &target.block {
        Some(name) => document
            .get("realm")
            .and_then(Item::as_array_of_tables)
            .and_then(|blocks| blocks.iter().find(|block| is_named(block, name)))
            .and_then(|block| block.get(target.key.name)),
        None => document.get(target.key.section).and_then(|section| section.get(target.key.name)),
    };
    let key = match &target.block {
        Some(name) => format!("{}.{name}.{}", target.key.section, target.key.name),
        None => format!("{}.{}", target.key.section, target.key.name),
    };
    match item {
        Some(item) => Setting { key, value: show(item), set: true },
        None => Setting { key, value: target.key.default.to_owned(), set: false },
    }
}

fn show(item: &Item) -> String {
    match item.as_str() {
        Some(text) => text.to_owned(),
        None => item.to_string().trim().to_owned(),
    }
}

fn is_named(block: &Table, name: &str) -> bool {
    block.get("name").and_then(Item::as_str) == Some(name)
}

fn table_for<'a>(document: &'a mut DocumentMut, target: &Target) -> Option<&'a mut dyn TableLike> {
    let section = target.key.section;
    let Some(name) = &target.block else {
        return document.entry(section).or_insert_with(|| Item::Table(Table::new())).as_table_like_mut();
    };
    let blocks = document
        .entry(section)
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()))
        .as_array_of_tables_mut()?;
    let known = blocks.iter().position(|block| is_named(block, name));
    let at = known.unwrap_or(blocks.len());
    if known.is_none() {
        let mut block = Table::new();
        block.insert("name", toml_edit::value(name.as_str()));
        blocks.push(block);
    }
    blocks.get_mut(at).map(|block| block as &mut dyn TableLike)
}

/// What was typed as a TOML value: quotes and brackets may be left out.
fn to_value(kind: Kind, typed: &str) -> Value {
    let typed = typed.trim();
    match kind {
        Kind::Listen | Kind::Addresses | Kind::Interfaces => match typed.parse::<Value>() {
            Ok(list @ Value::Array(_)) if list.as_array().is_some_and(|a| a.iter().all(Value::is_str)) => {
                list
            }
            _ => Value::Array(typed.split(',').map(str::trim).filter(|t| !t.is_empty()).collect()),
        },
        Kind::Bool | Kind::Number(..) | Kind::Integer(..) => {
            typed.parse::<Value>().unwrap_or_else(|_| Value::from(typed))
        }
        _ => match typed.parse::<Value>() {
            Ok(text @ Value::String(_)) => text,
            _ => Value::from(typed),
        },
    }
}
