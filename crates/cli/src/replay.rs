//! `stagelight replay`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use stagelight_ingest::{
    Address, Objects, Queue, S3, Sqs, aws_settings, replay_objects, replay_place, replay_queue,
};
use stagelight_lake::Lake;

use crate::args::{Global, Replay};
use crate::terminal::{count, warn};

/// Puts into the queue what is asked for, and says how much that was.
pub(crate) async fn run(global: &Global, command: &Replay) -> Result<ExitCode> {
    let settings = aws_settings().await;
    let queue = Sqs::new(&settings, &command.queue_url);
    // Also where there is nothing to send, a queue that is not there is worth a word.
    queue.depth().await?;
    let mut messages = 0;
    if let Some(url) = &command.dead_letters {
        messages += replay_queue(&Sqs::new(&settings, url), &queue).await?;
    }
    if command.quarantine || !command.places.is_empty() {
        let ledger = Lake::open(&global.lake).await?.ledger().await?;
        if command.quarantine {
            let mut objects = Vec::new();
            for source in ledger.unread() {
                match Address::parse(&source.uri) {
                    // That a place had no logs is in quarantine, too.
                    Some(place) if place.is_folder() => {}
                    Some(address) => objects.push(address),
                    None => warn(&format!("{} is in no bucket and was left out", source.uri)),
                }
            }
            messages += replay_objects(objects, &queue).await?;
        }
        let objects: Arc<dyn Objects> = Arc::new(S3::new(&settings));
        for place in &command.places {
            messages += replay_place(&objects, place, &ledger, &queue).await?;
        }
    }
    let noun = if messages == 1 { "message" } else { "messages" };
    writeln!(io::stdout(), "{} {noun}", count(messages))?;
    Ok(ExitCode::SUCCESS)
}
