//! `hms config`: single settings, with the file's comments kept.

use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::args::{ConfigAction, ConfigArgs, Global};
use super::fail::{CONFIG, Failure, NO, NOT_RUNNING, OK, Outcome};
use super::table::{Cell, table};
use super::{ask, out, reload, settings_file};
use crate::config::{self, DEFAULT_FILE, Setting};

pub(super) fn run(args: &ConfigArgs, global: &Global) -> Outcome {
    let named = args.config.as_deref();
    match &args.action {
        ConfigAction::Default => {
            out::text(DEFAULT_FILE);
            Ok(OK)
        }
        ConfigAction::Path { json } => path(named, *json, global),
        ConfigAction::Get { key: Some(key), json } => get(named, key, *json, global),
        ConfigAction::Get { key: None, json } => get_all(named, *json, global),
        ConfigAction::Set { key, value, json } => set(named, (key, value), *json, global),
    }
}

fn path(named: Option<&Path>, as_json: bool, global: &Global) -> Outcome {
    let file = settings_file::find(named, global)?.map(|file| file.path.display().to_string());
    let new = settings_file::new_path(global).display().to_string();
    if as_json {
        let new = file.is_none().then_some(&new);
        out::json(&json!({"file": file, "new": new}));
    }
    let Some(file) = file else {
        out::note(format_args!("there is no settings file; `hms config set` would make {new}"));
        return Ok(NO);
    };
    if !as_json {
        out::line(file);
    }
    Ok(OK)
}

/// The text of the file in effect and what to call it.
fn current(named: Option<&Path>, global: &Global) -> Result<(String, String), Failure> {
    Ok(match settings_file::find(named, global)? {
        Some(file) => (file.text, file.path.display().to_string()),
        None => (String::new(), "(defaults)".to_owned()),
    })
}

fn get(named: Option<&Path>, key: &str, as_json: bool, global: &Global) -> Outcome {
    let (text, file) = current(named, global)?;
    let setting = config::get(&text, &file, key).map_err(refused)?;
    if as_json {
        out::json(&to_json(&setting));
    } else {
        out::line(&setting.value);
    }
    Ok(OK)
}

fn get_all(named: Option<&Path>, as_json: bool, global: &Global) -> Outcome {
    let (text, file) = current(named, global)?;
    let settings = config::settings(&text, &file).map_err(refused)?;
    if as_json {
        out::json(&settings.iter().map(to_json).collect());
        return Ok(OK);
    }
    let rows: Vec<Vec<Cell>> = settings
        .iter()
        .map(|s| {
            vec![
                s.key.as_str().into(),
                s.value.as_str().into(),
                if s.set { file.as_str() } else { "default" }.into(),
            ]
        })
        .collect();
    out::text(&table(&["KEY", "VALUE", "FROM"], &rows, out::colours()));
    Ok(OK)
}

fn to_json(setting: &Setting) -> Value {
    json!({"key": setting.key, "value": setting.value, "default": !setting.set})
}

fn refused(error: config::EditError) -> Failure {
    Failure::new(CONFIG, error.to_string())
}

fn set(named: Option<&Path>, (key, value): (&str, &str), as_json: bool, global: &Global) -> Outcome {
    let found = settings_file::find(named, global)?;
    let (path, text) = match found {
        Some(file) => (file.path, file.text),
        None => (settings_file::new_path(global), DEFAULT_FILE.to_owned()),
    };
    let shown = path.display().to_string();
    let edited = config::set(&text, &shown, key, value).map_err(refused)?;
    write(&path, &edited).map_err(|error| Failure::file(&path, &error))?;
    let checked = config::check(&edited, &shown);
    if !checked.usable() {
        let problems = settings_file::list(&checked.problems);
        return Err(Failure::new(
            CONFIG,
            format!("{key} is set in {shown}, which still cannot be used:\n{problems}"),
        ));
    }
    out::note(format_args!("{key} is set in {shown}"));
    let answer = match ask::command_server(global, &json!({"cmd": "config_changed"})) {
        Ok(answer) => Some(answer),
        Err(failure) if failure.exit == NOT_RUNNING => None,
        Err(failure) => return Err(failure),
    };
    if as_json {
        let list = |name: &str| answer.as_ref().map_or_else(|| json!([]), |answer| answer[name].clone());
        out::json(&json!({"key": key, "value": value, "file": shown, "running": answer.is_some(),
            "changed": list("changed"), "restart": list("restart"), "warnings": list("warnings")}));
    }
    match &answer {
        None => out::note("no HMS runs on this state directory: in force at its next start"),
        Some(answer) => match answer.get("file").and_then(Value::as_str) {
            Some(used) if Path::new(used) != settings_file::real(&path) => {
                out::note(format_args!(
                    "the HMS that runs here uses another file, {used}: nothing changes for it"
                ));
            }
            _ => reload::tell(answer),
        },
    }
    Ok(OK)
}

/// Replaces the file in one step, with its permissions; a symbolic link stays one.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = real.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    if !directory.exists() {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(text.as_bytes())?;
    match fs::metadata(&real) {
        Ok(old) => new.as_file().set_permissions(old.permissions())?,
        Err(_) => new.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?,
    }
    new.as_file().sync_all()?;
    new.persist(&real).map(|_| ()).map_err(|error| error.error)
}
