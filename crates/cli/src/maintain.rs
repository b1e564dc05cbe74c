//! `stagelight maintain`.

use std::cell::Cell;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use stagelight_ingest::{
    Address, Cleaned, FoundLog, Objects, Place, Retention, S3, aws_settings, clean, retry,
};
use stagelight_lake::{Checkpointed, Compacted, CompactionOptions, Lake, Vacuumed};
use stagelight_query::{Engine, QueryError, RolledUp, Settings};

use crate::args::{Global, Maintain, SummaryFormat};
use crate::places::{keep_out, local};
use crate::terminal::{bytes, count, hint, table, warn};

/// What was done to a table.
#[derive(Default)]
struct Maintained {
    compacted: Compacted,
    checkpointed: Checkpointed,
    vacuumed: Vacuumed,
}

/// Some of what should have been deleted or rolled up could not be.
const NOT_ALL: u8 = 3;

/// Merges, writes checkpoints, deletes and rolls up, in that order, and says what came of it.
pub(crate) async fn run(global: &Global, command: &Maintain) -> Result<ExitCode> {
    // clap does not see that of what a configuration file says.
    if command.clean_logs.is_some()
        && (command.clean_after, command.clean_max_logs, command.clean_max_gib)
            == (None, None, None)
    {
        bail!("--clean-logs needs --clean-after, --clean-max-logs or --clean-max-gib");
    }
    let settings = command.engine.settings();
    settings.check().await?;
    let logs = command.clean_logs.as_deref().map(local).transpose()?.flatten();
    logs.iter().try_for_each(|logs| keep_out(logs, &global.lake))?;
    let lake = Arc::new(retry::lake(|| Lake::open(&global.lake)).await?);
    // A table that is gone is told here and at once: what follows would take it for a store that does not
    // answer, and try again.
    retry::lake(|| lake.contents()).await?;
    let options = CompactionOptions {
        target_bytes: command.target_mib << 20,
        min_files: command.min_files.get(),
        settled: command.settled,
        dry_run: command.dry_run,
        ..CompactionOptions::default()
    };
    let compacted = retry::lake(|| lake.compact(&options)).await?;
    let checkpointed = match command.dry_run {
        true => Vec::new(),
        false => retry::lake(|| lake.checkpoint(command.keep_history)).await?,
    };
    let vacuumed = retry::lake(|| lake.vacuum(command.vacuum_after, command.dry_run)).await?;

    let mut tables: Vec<(&str, Maintained)> = compacted
        .into_iter()
        .map(|(table, compacted)| (table.name, Maintained { compacted, ..Maintained::default() }))
        .collect();
    for (name, maintained) in &mut tables {
        let of = |table: &str| table == *name;
        if let Some((_, done)) = checkpointed.iter().find(|(table, _)| of(table.name)) {
            maintained.checkpointed = *done;
        }
        if let Some((_, done)) = vacuumed.iter().find(|(table, _)| of(table.name)) {
            maintained.vacuumed = *done;
        }
    }
    let cleaned = match &command.clean_logs {
        Some(place) => Some(clean_logs(&lake, place, command).await?),
        None => None,
    };
    // Last: it may want more memory than it has, and nothing else waits for it.
    let rolled_up = roll_up(&lake, &settings, command.dry_run).await;
    let mut out = io::stdout().lock();
    let rolled_up_or_none = rolled_up.as_ref().map_or(0, |rolled_up| rolled_up.applications);
    match command.summary {
        SummaryFormat::Text => {
            summary(&mut out, &tables, rolled_up_or_none, command.dry_run)?;
            cleaned.iter().try_for_each(|done| cleaned_summary(&mut out, done, command.dry_run))?;
        }
        SummaryFormat::Json => {
            summary_json(&mut out, &tables, rolled_up_or_none, cleaned.as_ref(), command.dry_run)?;
        }
    }
    let rolled_up = rolled_up.context("applications are not rolled up")?;
    for id in &rolled_up.too_large {
        warn(&format!("{id} is not rolled up: it wants more than --memory-mib"));
    }
    let is_all = cleaned.is_none_or(|cleaned| cleaned.failed.is_empty());
    let is_all = is_all && rolled_up.too_large.is_empty();
    Ok(if is_all { ExitCode::SUCCESS } else { ExitCode::from(NOT_ALL) })
}

/// Rolls up the applications that have changed.
async fn roll_up(
    lake: &Arc<Lake>,
    settings: &Settings,
    dry_run: bool,
) -> Result<RolledUp, QueryError> {
    let engine = retry::lake(|| Engine::new(Arc::clone(lake), settings)).await?;
    if dry_run {
        let applications = retry::lake(|| engine.to_roll_up()).await?;
        return Ok(RolledUp { applications, ..RolledUp::default() });
    }
    // What was rolled up before a failure stays.
    let rolled_up = &Cell::new(0);
    let last = retry::lake(|| {
        let before = rolled_up.get();
        engine.roll_up(move |done, all| {
            rolled_up.set(before + done);
            if done < all {
                let [done, all] = [before + done, before + all].map(|n| count(n as u64));
                hint(&format!("{done} of {all} applications are rolled up"));
            }
        })
    })
    .await?;
    Ok(RolledUp { applications: rolled_up.get(), ..last })
}

async fn clean_logs(lake: &Lake, place: &Path, command: &Maintain) -> Result<Cleaned> {
    let objects: Arc<dyn Objects> = Arc::new(S3::new(&aws_settings().await));
    let retention = Retention {
        max_age: command.clean_after,
        max_logs: command.clean_max_logs,
        max_bytes: command.clean_max_gib.map(|gib| gib.saturating_mul(1 << 30)),
        dry_run: command.dry_run,
    };
    let shown = place.to_string_lossy();
    let place = match (Address::parse(&shown), local(place)?) {
        (Some(address), _) => Place::Object(address),
        (None, Some(folder)) => Place::File(folder),
        (None, None) => bail!("{shown} has no logs: they are in folders and s3://"),
    };
    // After all that was done to the lake: it must have them now.
    let ledger = retry::lake(|| lake.ledger()).await?;
    Ok(clean(&place, &objects, &ledger, &retention).await?)
}

fn cleaned_summary(out: &mut impl Write, cleaned: &Cleaned, dry_run: bool) -> io::Result<()> {
    let size = cleaned.deleted.iter().map(|log| log.bytes).sum();
    let said = if dry_run { "would be deleted" } else { "were deleted" };
    let (deleted, logs) = (count(cleaned.deleted.len() as u64), count(cleaned.logs as u64));
    writeln!(out, "{deleted} of {logs} logs {said}, {}.", bytes(size))?;
    if dry_run {
        for log in &cleaned.deleted {
            let day = log.modified.format("%Y-%m-%d");
            writeln!(out, "  {day} {:>10}  {}", bytes(log.bytes), log.uri)?;
        }
    }
    for log in &cleaned.not_in {
        warn(&format!("{} stays: the lake does not have all of it", log.uri));
    }
    for (uri, reason) in &cleaned.failed {
        warn(&format!("{uri} stays: {reason}"));
    }
    Ok(())
}

fn cleaned_json(cleaned: &Cleaned) -> Value {
    let uris = |logs: &[FoundLog]| logs.iter().map(|log| log.uri.clone()).collect::<Vec<_>>();
    json!({
        "logs": cleaned.logs,
        "deleted": uris(&cleaned.deleted),
        "bytes_deleted": cleaned.deleted.iter().map(|log| log.bytes).sum::<u64>(),
        "not_in_lake": uris(&cleaned.not_in),
        "failed": cleaned
            .failed
            .iter()
            .map(|(uri, reason)| json!({ "uri": uri, "reason": reason }))
            .collect::<Vec<_>>(),
    })
}

fn summary(
    out: &mut impl Write,
    tables: &[(&str, Maintained)],
    rolled_up: usize,
    dry_run: bool,
) -> io::Result<()> {
    let header =
        ["table", "merged", "into", "before", "after", "checkpoint", "log entries", "deleted"];
    let header = header.map(str::to_owned);
    let figures = [false, true, true, true, true, false, true, true];
    let mut shown = table(&header, &figures);
    let mut nothing = true;
    for (name, Maintained { compacted, checkpointed, vacuumed }) in tables {
        let is_idle = compacted.files == 0
            && !checkpointed.written
            && checkpointed.entries_deleted == 0
            && vacuumed.files == 0;
        if is_idle {
            continue;
        }
        nothing = false;
        shown.add_row([
            (*name).to_owned(),
            count(compacted.files),
            count(compacted.files_after),
            bytes(compacted.bytes),
            if dry_run { String::new() } else { bytes(compacted.bytes_after) },
            if checkpointed.written { "written" } else { "" }.to_owned(),
            count(checkpointed.entries_deleted),
            count(vacuumed.files),
        ]);
    }
    if nothing && rolled_up == 0 {
        return writeln!(
            out,
            "There is nothing to do in the lake: small files wait until their segments have not \
             changed for --settled, and those of the current day until there are --min-files."
        );
    }
    if dry_run {
        writeln!(out, "What would be done:")?;
    }
    if !nothing {
        writeln!(out, "{shown}")?;
    }
    if rolled_up > 0 {
        let said = if dry_run { "would be" } else { "were" };
        writeln!(out, "{} applications {said} rolled up.", count(rolled_up as u64))?;
    }
    let given_up: u64 = tables.iter().map(|(_, done)| done.compacted.given_up).sum();
    if given_up > 0 {
        writeln!(
            out,
            "{} merges were left for another run: others were at work.",
            count(given_up)
        )?;
    }
    Ok(())
}

fn summary_json(
    out: &mut impl Write,
    tables: &[(&str, Maintained)],
    rolled_up: usize,
    cleaned: Option<&Cleaned>,
    dry_run: bool,
) -> io::Result<()> {
    let tables: Vec<_> = tables
        .iter()
        .map(|(name, Maintained { compacted, checkpointed, vacuumed })| {
            json!({
                "table": name,
                "files_merged": compacted.files,
                "bytes_merged": compacted.bytes,
                "files_after": compacted.files_after,
                "bytes_after": (!dry_run).then_some(compacted.bytes_after),
                "given_up": compacted.given_up,
                "checkpoint_written": checkpointed.written,
                "log_entries_deleted": checkpointed.entries_deleted,
                "files_deleted": vacuumed.files,
            })
        })
        .collect();
    let cleaned = cleaned.map(cleaned_json);
    let summary = json!({
        "dry_run": dry_run,
        "tables": tables,
        "applications_rolled_up": rolled_up,
        "logs": cleaned,
    });
    writeln!(out, "{summary}")
}
