//! Flags, environment and configuration file, composed into one [`Cli`].
//!
//! What the file says becomes the default of the flag of that name, so that clap's own order
//! (flag, environment, default) is the order that is promised, and a flag needs one declaration.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::{OsStr, Resettable};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, CommandFactory, Error, FromArgMatches};
use stagelight_query::Threshold;
use toml::{Table, Value};

use crate::args::Cli;

/// The flag whose values are added to each other.
const THRESHOLD: &str = "threshold";

/// Composes the arguments of this process.
pub(crate) fn load() -> Result<Cli, Error> {
    compose(std::env::args_os().collect(), default_file().as_deref())
}

fn compose(args: Vec<OsString>, default_file: Option<&Path>) -> Result<Cli, Error> {
    let mut command = with_environment(Cli::command());
    let file = named_file(&command, &args);
    let file = file.as_deref().or(default_file.filter(|file| file.exists()));
    if let Some(file) = file {
        command = with_file(command, file)?;
    }
    let matches = command.try_get_matches_from_mut(args)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    if let (Some(engine), Some(name)) = (cli.command.engine(), matches.subcommand_name()) {
        let mut all = lower_thresholds(&command, name)?;
        all.append(&mut engine.threshold);
        engine.threshold = all;
    }
    Ok(cli)
}

/// The thresholds of the file and then those of the environment. Each has a name, so a layer adds to
/// those below, where another flag's values take the place of theirs.
fn lower_thresholds(command: &Command, name: &str) -> Result<Vec<(String, Threshold)>, Error> {
    let of_command = command.find_subcommand(name);
    let arg = of_command.and_then(|of| of.get_arguments().find(|arg| arg.get_id() == THRESHOLD));
    let Some(arg) = arg else { return Ok(Vec::new()) };
    let file = arg.clone().env(Resettable::Reset);
    let environment = arg.clone().default_values(None::<OsStr>);
    let mut all = Vec::new();
    for layer in [file, environment] {
        let alone = Command::new("stagelight").arg(layer).try_get_matches_from(["stagelight"])?;
        let values = alone.get_many::<(String, Threshold)>(THRESHOLD);
        all.extend(values.into_iter().flatten().cloned());
    }
    Ok(all)
}

fn default_file() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let folder = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home)?;
    Some(folder.join("stagelight").join("config.toml"))
}

/// Gives each flag the variable `STAGELIGHT_<FLAG>`.
fn with_environment(command: Command) -> Command {
    command
        .mut_args(|arg| match arg.get_long() {
            Some(long) if !matches!(long, "help" | "version") => {
                let variable = format!("STAGELIGHT_{}", long.to_uppercase().replace('-', "_"));
                arg.env(variable).hide_env_values(true)
            }
            _ => arg,
        })
        .mut_subcommands(with_environment)
}

/// The file that `--config` or its variable names, whatever else is wrong with the arguments.
fn named_file(command: &Command, args: &[OsString]) -> Option<PathBuf> {
    let matches = command.clone().ignore_errors(true).try_get_matches_from(args).ok()?;
    matches.try_get_one::<PathBuf>("config").ok()?.cloned()
}

/// Makes what the file says the default of the flags.
fn with_file(mut command: Command, file: &Path) -> Result<Command, Error> {
    let wrong = |reason: String| {
        let message = format!("{}: {reason}", file.display());
        Cli::command().error(ErrorKind::InvalidValue, message)
    };
    let text = std::fs::read_to_string(file).map_err(|e| wrong(e.to_string()))?;
    let table: Table = text.parse().map_err(|e: toml::de::Error| wrong(e.to_string()))?;
    for (key, value) in table {
        match value {
            Value::Table(section) => {
                let section_name = key;
                if command.find_subcommand(&section_name).is_none() {
                    return Err(wrong(format!("there is no command `{section_name}`")));
                }
                let mut result = Ok(());
                command = command.mut_subcommand(section_name.clone(), |mut subcommand| {
                    for (key, value) in &section {
                        match with_default(subcommand.clone(), key, value) {
                            Ok(changed) => subcommand = changed,
                            Err(reason) => {
                                result = Err(wrong(format!("[{section_name}] {reason}")))
                            }
                        }
                    }
                    subcommand
                });
                result?;
            }
            value => command = with_default(command, &key, &value).map_err(&wrong)?,
        }
    }
    Ok(command)
}

fn with_default(command: Command, key: &str, value: &Value) -> Result<Command, String> {
    let flag = key.replace('_', "-");
    let is_flag = |arg: &&Arg| arg.get_long() == Some(&flag) && flag != "config";
    let Some(arg) = command.get_arguments().find(is_flag) else {
        return Err(format!("there is no setting `{key}`"));
    };
    let id = arg.get_id().to_string();
    let texts = match value {
        Value::Array(values) => values.iter().map(text).collect::<Result<Vec<_>, _>>()?,
        value => vec![text(value)?],
    };
    let takes_bool = matches!(arg.get_action(), ArgAction::SetTrue);
    if takes_bool && !matches!(value, Value::Boolean(_)) {
        return Err(format!("`{key}` is true or false"));
    }
    Ok(command.mut_arg(id, |arg| arg.default_values(texts).required(false)))
}

fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(flag) => Ok(flag.to_string()),
        other => Err(format!("`{other}` cannot be a setting")),
    }
}

#[cfg(test)]
mod tests {
    use stagelight_query::Thresholds;

    use super::*;
    use crate::args::{Command as Cmd, SummaryFormat};

    fn with(file: &str, args: &[&str]) -> Result<Cli, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.toml");
        std::fs::write(&path, file).expect("a file");
        let args = ["stagelight"].iter().chain(args).map(OsString::from).collect();
        compose(args, Some(&path)).map_err(|e| e.to_string())
    }

    #[test]
    fn the_command_line_is_sound() {
        with_environment(Cli::command()).debug_assert();
    }

    #[test]
    fn a_flag_beats_the_file_which_beats_the_default() {
        let file = "lake = \"/from/file\"\n[ingest]\nthreads = 3\nsummary = \"json\"\n";
        let cli = with(file, &["ingest", "x"]).expect("both are sound");
        assert_eq!(cli.global.lake, "/from/file");
        let Cmd::Ingest(ingest) = cli.command else { panic!("ingest was asked for") };
        assert_eq!(usize::from(ingest.decoding.threads()), 3);
        assert_eq!(ingest.summary, SummaryFormat::Json);
        let cli = with(file, &["--lake", "/flag", "ingest", "x", "--threads", "1"]);
        let cli = cli.expect("both are sound");
        assert_eq!(cli.global.lake, "/flag");
        let Cmd::Ingest(ingest) = cli.command else { panic!("ingest was asked for") };
        assert_eq!(usize::from(ingest.decoding.threads()), 1);
    }

    #[test]
    fn thresholds_of_all_layers_count_by_their_names() {
        let file = "[sql]\nthreshold = [\"skew_ratio=1\", \"spill_ratio=1,gc_ratio=1\"]\n";
        let thresholds = |args: &[&str]| {
            let mut cli =
                with(file, &[&["sql", "SELECT 1"], args].concat()).expect("all are sound");
            cli.command.engine().expect("it asks").settings().thresholds
        };
        let expected = |named: &[(&str, f64)]| {
            let mut expected = Thresholds::default();
            named.iter().for_each(|(name, value)| expected.set(*name, *value));
            expected
        };
        let of_file = [("skew_ratio", 1.0), ("spill_ratio", 1.0), ("gc_ratio", 1.0)];
        assert_eq!(thresholds(&[]), expected(&of_file));
        let args = ["--threshold", "skew_ratio=3,spill_ratio=3", "--threshold", "spill_ratio=4"];
        let of_flags = [("skew_ratio", 3.0), ("spill_ratio", 4.0), ("gc_ratio", 1.0)];
        assert_eq!(thresholds(&args), expected(&of_flags));

        let wrong =
            with("[sql]\nthreshold = \"gc_ratio\"\n", &["sql", "--threshold", "skew_ratio=2"]);
        let error = wrong.expect_err("it has no value");
        assert!(error.contains("`gc_ratio` is not NAME=VALUE"), "{error}");
    }

    #[test]
    fn what_a_command_needs_may_be_in_the_file() {
        let file = "[worker]\nqueue-url = \"http://localhost/1/q\"\n";
        let cli = with(file, &["worker"]).expect("it has all that it needs");
        let Cmd::Worker(worker) = cli.command else { panic!("a worker was asked for") };
        assert_eq!(worker.queue_url, "http://localhost/1/q");
        assert!(with("", &["worker"]).is_err());
    }

    #[test]
    fn what_the_file_cannot_say_is_named() {
        for (file, reason) in [
            ("lak = 1", "there is no setting `lak`"),
            ("[ingestion]\nthreads = 1", "there is no command `ingestion`"),
            ("[demo]\nonce = 1", "[demo] `once` is true or false"),
            ("[ingest]\nthreads = \"many\"", "invalid value 'many'"),
            ("lake = ", "TOML parse error"),
        ] {
            let error = with(file, &["ingest", "x"]).expect_err(file);
            assert!(error.contains(reason), "{error}");
        }
    }
}
