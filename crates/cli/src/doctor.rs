//! `stagelight doctor`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use serde_json::json;
use stagelight_ingest::{
    Address, Check, LakeRights, Verdict, aws_settings, check_lake, check_logs, check_queue, retry,
};
use stagelight_lake::{Lake, LakeError};
use stagelight_query::Engine;

use crate::args::{Doctor, Global, Role, SummaryFormat};
use crate::terminal::{count, heading, on_one_line, verdict};

/// Something is wrong.
const WRONG: u8 = 3;
/// `serve` computes the totals of so many applications by itself without anybody minding.
const NOT_ROLLED_UP: usize = 1_000;

const LAKE: &str = include_str!("../../../sql/doctor/lake.sql");
const SPARK_SETTINGS: &str = include_str!("../../../sql/doctor/spark_settings.sql");

/// What was looked at, with a heading.
type Section = (String, Vec<Check>);

/// Looks at everything that it is told of, and says how it stands.
pub(crate) async fn run(global: &Global, command: &Doctor) -> Result<ExitCode> {
    let mut sections = Vec::new();
    let place = Address::parse(&global.lake);
    let needs_aws = place.is_some() || command.queue_url.is_some() || command.prefix.is_some();
    if needs_aws {
        sections.extend(in_aws(global, command, place.as_ref()).await);
    }
    sections.extend(in_lake(global, command).await?);
    let mut out = io::stdout().lock();
    match command.summary {
        SummaryFormat::Text => text(&mut out, &sections)?,
        SummaryFormat::Json => writeln!(out, "{}", as_json(&sections))?,
    }
    let is_wrong =
        sections.iter().flat_map(|(_, checks)| checks).any(|of| of.verdict == Verdict::Wrong);
    Ok(if is_wrong { ExitCode::from(WRONG) } else { ExitCode::SUCCESS })
}

async fn in_aws(global: &Global, command: &Doctor, lake: Option<&Address>) -> Vec<Section> {
    let settings = aws_settings().await;
    let mut sections = Vec::new();
    let queue = match &command.queue_url {
        Some(url) => Some(check_queue(&settings, url, command.role == Role::Worker).await),
        None => None,
    };
    if let (Some(url), Some(queue)) = (&command.queue_url, &queue) {
        sections.push((format!("Queue {url}"), queue.checks.clone()));
    }
    if let Some(prefix) = &command.prefix {
        let deletes = command.role == Role::Maintain;
        let checks = check_logs(&settings, prefix, queue.as_ref(), deletes).await;
        sections.push((format!("Logs {prefix}"), checks));
    }
    if let Some(place) = lake {
        let rights = LakeRights {
            writes: command.role != Role::Serve,
            deletes: command.role == Role::Maintain,
        };
        sections.push((
            format!("Bucket of the lake {}", global.lake),
            check_lake(&settings, place, rights).await,
        ));
    }
    sections
}

/// What the lake itself says, and what is in it says of Spark.
async fn in_lake(global: &Global, command: &Doctor) -> Result<Vec<Section>> {
    let title = format!("Lake {}", global.lake);
    let lake = match retry::lake(|| Lake::open(&global.lake)).await {
        Ok(lake) => Arc::new(lake),
        Err(error @ LakeError::Missing { .. }) => {
            // Who only reads it, or keeps it, ends without one.
            let (verdict, advice) = match command.role {
                Role::Worker => (Verdict::Better, "the first worker makes one, too"),
                _ => {
                    (Verdict::Wrong, "is --lake what the workers have? The first of them makes it")
                }
            };
            return Ok(vec![(title, vec![Check::new(verdict, error.to_string(), advice)])]);
        }
        Err(error) => {
            let check = Check { verdict: Verdict::Wrong, found: error.to_string(), advice: None };
            return Ok(vec![(title, vec![check])]);
        }
    };
    let settings = command.engine.settings();
    let engine = retry::lake(|| Engine::new(Arc::clone(&lake), &settings)).await?;
    let mut checks = told(asked(&engine, LAKE).await);
    let outdated = engine.to_roll_up().await;
    checks.push(match outdated {
        Err(error) => unreadable(&error.to_string()),
        Ok(outdated) if outdated > NOT_ROLLED_UP => Check::new(
            Verdict::Better,
            format!("{} applications are not rolled up", count(outdated as u64)),
            "run `stagelight maintain` every hour: metrics come sooner then, and questions read fewer files",
        ),
        Ok(outdated) => {
            Check::good(format!("{} applications are not rolled up yet", count(outdated as u64)))
        }
    });
    let spark = told(asked(&engine, SPARK_SETTINGS).await);
    let mut sections = vec![(title, checks)];
    if !spark.is_empty() {
        sections.push(("Spark, by what its logs say".to_owned(), spark));
    }
    Ok(sections)
}

/// The checks, or why there are none: what was found elsewhere is worth being told all the same.
fn told(checks: Result<Vec<Check>>) -> Vec<Check> {
    checks.unwrap_or_else(|error| vec![unreadable(&error.to_string())])
}

fn unreadable(error: &str) -> Check {
    let advice = "a file that is not found was deleted by something else than `stagelight maintain`: put it back, or \
                  ingest the logs into a new lake";
    Check::new(Verdict::Wrong, format!("the lake cannot be asked: {error}"), advice)
}

/// The rows of a question as checks.
async fn asked(engine: &Engine, question: &str) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for batch in engine.sql(question).await?.batches {
        let column = |at: usize| cast(batch.column(at), &DataType::Utf8);
        let (verdicts, found, advice) = (column(0)?, column(1)?, column(2)?);
        let [verdicts, found, advice] =
            [&verdicts, &found, &advice].map(|column| column.as_string::<i32>());
        for row in 0..batch.num_rows() {
            let verdict = match verdicts.value(row) {
                "good" => Verdict::Good,
                "better" => Verdict::Better,
                _ => Verdict::Wrong,
            };
            let advice = advice.is_valid(row).then(|| advice.value(row).to_owned());
            checks.push(Check { verdict, found: found.value(row).to_owned(), advice });
        }
    }
    Ok(checks)
}

fn text(out: &mut impl Write, sections: &[Section]) -> io::Result<()> {
    for (title, checks) in sections {
        heading(out, title)?;
        for check in checks {
            writeln!(out, "  {}  {}", verdict(word(check.verdict)), on_one_line(&check.found))?;
            if let Some(advice) = &check.advice {
                writeln!(out, "           {advice}")?;
            }
        }
    }
    let all = || sections.iter().flat_map(|(_, checks)| checks);
    let number = |verdict| all().filter(|check| check.verdict == verdict).count();
    writeln!(
        out,
        "\n{} wrong, {} could be better, {} could not be seen.",
        number(Verdict::Wrong),
        number(Verdict::Better),
        number(Verdict::Unknown)
    )
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Better => "better",
        Verdict::Unknown => "unseen",
        Verdict::Wrong => "wrong",
    }
}

fn as_json(sections: &[Section]) -> serde_json::Value {
    let checks = sections.iter().flat_map(|(section, checks)| {
        checks.iter().map(move |check| {
            json!({
                "section": section,
                "verdict": word(check.verdict),
                "found": check.found,
                "advice": check.advice,
            })
        })
    });
    checks.collect()
}
