//! `stagelight doctor`.

mod lake;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;
use stagelight_ingest::{
    Address, Check, LakeRights, Verdict, check_announced, check_lake, check_logs, check_queue,
    impatient_aws_settings,
};

use crate::args::{Doctor, Global, Role, SummaryFormat};
use crate::terminal::{heading, on_one_line, verdict};

/// Something is wrong.
const WRONG: u8 = 3;

/// What was looked at, with a heading.
type Section = (String, Vec<Check>);

/// Looks at everything that it is told of, and says how it stands.
pub(crate) async fn run(global: &Global, command: &Doctor) -> Result<ExitCode> {
    let place = Address::parse(&global.lake);
    let mut sections = Vec::new();
    if place.is_some() || command.queue_url.is_some() || command.prefix.is_some() {
        sections = in_aws(global, command, place.as_ref()).await;
    }
    let bucket = sections.last().filter(|_| place.is_some());
    // To be listed is the first that a bucket is asked for.
    if bucket.is_some_and(|(_, checks)| checks[0].verdict == Verdict::Wrong) {
        let not_asked = Check::unseen("it is not asked while its bucket cannot be listed");
        sections.push((lake::title(global), vec![not_asked]));
    } else {
        sections.extend(lake::look_at(global, command).await?);
    }
    if let Some(check) = not_named(command) {
        sections.push(("Not looked at".to_owned(), vec![check]));
    }
    let mut out = io::stdout().lock();
    match command.summary {
        SummaryFormat::Text => text(&mut out, &sections)?,
        SummaryFormat::Json => writeln!(out, "{}", as_json(&sections))?,
    }
    let is_wrong =
        sections.iter().flat_map(|(_, checks)| checks).any(|of| of.verdict == Verdict::Wrong);
    Ok(if is_wrong { ExitCode::from(WRONG) } else { ExitCode::SUCCESS })
}

/// What a role does with the lake.
fn rights(role: Role) -> LakeRights {
    LakeRights { writes: role != Role::Serve, deletes: role == Role::Maintain }
}

/// The queue, the logs, and at last the bucket of the lake, where it is in one.
async fn in_aws(global: &Global, command: &Doctor, lake: Option<&Address>) -> Vec<Section> {
    let settings = impatient_aws_settings().await;
    let (queue, logs, bucket) = tokio::join!(
        async {
            let url = command.queue_url.as_ref()?;
            Some((url, check_queue(&settings, url, command.role == Role::Worker).await))
        },
        async {
            let prefix = command.prefix.as_ref()?;
            let deletes = command.role == Role::Maintain;
            Some((prefix, check_logs(&settings, prefix, deletes).await))
        },
        async { Some(check_lake(&settings, lake?, rights(command.role)).await) },
    );
    let mut sections = Vec::new();
    if let Some((url, queue)) = &queue {
        sections.push((format!("Queue {url}"), queue.checks.clone()));
    }
    if let Some((prefix, mut checks)) = logs {
        if let Some((_, queue)) = &queue {
            checks.extend(check_announced(&settings, prefix, queue).await);
        }
        sections.push((format!("Logs {prefix}"), checks));
    }
    sections.extend(bucket.map(|checks| (format!("Bucket of the lake {}", global.lake), checks)));
    sections
}

/// What the role works with, and nobody has named.
fn not_named(command: &Doctor) -> Option<Check> {
    let (found, advice) = match (command.role, &command.queue_url, &command.prefix) {
        (Role::Worker, None, None) => (
            "the queue and the logs are not looked at",
            "where workers have some, --queue-url and --prefix name them",
        ),
        (Role::Worker, None, Some(_)) => (
            "the queue, and whether it is told of the logs, are not looked at",
            "--queue-url names it",
        ),
        (Role::Worker, Some(_), None) => (
            "the logs, and whether the queue is told of them, are not looked at",
            "--prefix names them",
        ),
        (Role::Maintain, _, None) => (
            "whether it may delete logs is not looked at",
            "where it has --clean-logs, --prefix names them",
        ),
        _ => return None,
    };
    Some(Check::new(Verdict::Unknown, found, advice))
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
