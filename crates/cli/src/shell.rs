//! The interactive shell.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;
use clap::ValueEnum;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Editor, Helper};
use stagelight_query::{Engine, View, statements};
use stagelight_tables::all;

use crate::args::Format;
use crate::format;
use crate::terminal::{self, hint};

const HELP: &str = "\
End a question with a semicolon; it may go over several lines.
  \\d            list views and the tables of the lake
  \\d NAME       show the columns of a view or a table
  \\f FORMAT     show answers as table, csv, json or ndjson
  \\?            this help
  \\q            leave (or Ctrl-D)";

/// Reads questions and answers them until the user leaves.
pub(crate) async fn run(engine: &Engine, format: Format) -> Result<()> {
    let config = Config::builder().history_ignore_space(true).auto_add_history(true).build();
    let mut editor: Editor<Shell, FileHistory> = Editor::with_config(config)?;
    editor.set_helper(Some(Shell::new()));
    let history = history_file();
    if let Some(file) = &history {
        // There is no history the first time.
        let _ = editor.load_history(file);
    }
    hint("Ask in SQL, as in: SELECT * FROM applications;   \\d lists views, \\? helps, \\q leaves");
    let mut format = format;
    loop {
        match editor.readline("stagelight> ") {
            Ok(line) => {
                let line = line.trim();
                let result = match line.strip_prefix('\\') {
                    Some("q") => break,
                    Some(command) => meta(engine, command, &mut format).await,
                    None => answer(engine, line, format).await,
                };
                if let Err(error) = result {
                    terminal::error(&crate::explain(&error));
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(file) = &history {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        editor.save_history(file)?;
    }
    Ok(())
}

fn history_file() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    let folder = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).or_else(home)?;
    Some(folder.join("stagelight").join("history"))
}

async fn answer(engine: &Engine, text: &str, format: Format) -> Result<()> {
    engine.refresh().await?;
    for statement in statements(text)? {
        let started = Instant::now();
        let stream = engine.stream(&statement).await?;
        let mut out = io::stdout();
        format::write(stream, format, &mut out).await?;
        out.flush()?;
        hint(&format!("{:.3} s", started.elapsed().as_secs_f64()));
    }
    Ok(())
}

async fn meta(engine: &Engine, command: &str, format: &mut Format) -> Result<()> {
    let command = command.trim_end_matches(';');
    let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    match (name, argument.trim()) {
        ("?" | "h" | "help", _) => hint(HELP),
        ("d", "") => list(&mut io::stdout())?,
        ("d", name) => describe(engine, name).await?,
        ("f", name) => match Format::from_str(name, true) {
            Ok(Format::Parquet) => hint("a Parquet file is not for a terminal"),
            Ok(chosen) => *format = chosen,
            Err(_) => hint("formats: table, csv, json, ndjson"),
        },
        (other, _) => hint(&format!("there is no \\{other}\n{HELP}")),
    }
    Ok(())
}

fn list(out: &mut impl Write) -> Result<()> {
    let header = ["name", "a row is"].map(str::to_owned);
    let mut table = terminal::table(&header, &[false, false]);
    for view in View::all() {
        table.add_row([view.name.to_owned(), view.doc()]);
    }
    for fact in all() {
        table.add_row([format!("lake.{}", fact.name), fact.doc.to_owned()]);
    }
    Ok(writeln!(out, "{table}")?)
}

async fn describe(engine: &Engine, name: &str) -> Result<()> {
    let asked = name;
    let (schema, name) = name.split_once('.').unwrap_or(("public", name));
    let quoted = |text: &str| text.replace('\'', "''");
    let columns = engine
        .sql(&format!(
            "SELECT column_name, data_type FROM information_schema.columns \
             WHERE table_schema = '{}' AND table_name = '{}' ORDER BY ordinal_position",
            quoted(schema),
            quoted(name)
        ))
        .await?;
    if columns.batches.iter().all(|batch| batch.num_rows() == 0) {
        hint(&format!("there is no {asked}; \\d lists what there is"));
        return Ok(());
    }
    format::print_table(&columns.schema, &columns.batches, &mut io::stdout())
}

/// Completion of names, and when a question is whole.
struct Shell {
    words: Vec<String>,
}

impl Shell {
    fn new() -> Self {
        const KEYWORDS: [&str; 12] = [
            "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "JOIN", "DESC", "WITH",
            "EXPLAIN", "COUNT", "HAVING",
        ];
        let mut words: Vec<_> = KEYWORDS.into_iter().map(str::to_owned).collect();
        words.extend(View::all().into_iter().map(|view| view.name.to_owned()));
        words.extend(all().map(|table| format!("lake.{}", table.name)));
        Self { words }
    }
}

impl Helper for Shell {}

impl Hinter for Shell {
    type Hint = String;
}

impl Highlighter for Shell {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(
        &'s self,
        prompt: &'p str,
        _default: bool,
    ) -> Cow<'b, str> {
        if terminal::is_colourful() {
            Cow::Owned(format!("\x1b[1m{prompt}\x1b[0m"))
        } else {
            Cow::Borrowed(prompt)
        }
    }
}

impl Completer for Shell {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let start = line[..position]
            .rfind(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
            .map_or(0, |at| at + 1);
        let typed = line[start..position].to_lowercase();
        let candidates = self
            .words
            .iter()
            .filter(|word| word.to_lowercase().starts_with(&typed))
            .map(|word| Pair { display: word.clone(), replacement: word.clone() })
            .collect();
        Ok((start, candidates))
    }
}

impl Validator for Shell {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

/// Whether the text is a command of the shell, nothing, or ends with a semicolon.
fn is_whole(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.starts_with('\\') || text.ends_with(';')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_goes_on_to_its_semicolon() {
        for whole in ["", "  ", "\\d", "\\d stages", "SELECT 1;", "SELECT\n1 ; "] {
            assert!(is_whole(whole), "{whole}");
        }
        for part in ["SELECT", "SELECT 1\n", "FROM stages WHERE x = ';"] {
            assert_eq!(is_whole(part), part.ends_with(';'), "{part}");
        }
    }
}
