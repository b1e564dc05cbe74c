//! What tasks add up to is what SQL says of the tasks themselves.

use stagelight_query::Settings;
use stagelight_tables::{Fold, SUMS, Source, Table, Tasks};

use crate::{engine_of, testdata};

#[tokio::test(flavor = "multi_thread")]
async fn sums_are_those_of_the_tasks() {
    let (_folder, engine) = engine_of(&testdata(), &Settings::default()).await;
    for table in SUMS {
        let kept = format!("SELECT * FROM lake.{}", table.name);
        let computed = computed(table);
        let rows = |answer: stagelight_query::Answer| -> usize {
            answer.batches.iter().map(|batch| batch.num_rows()).sum()
        };
        assert!(rows(engine.sql(&kept).await.expect("rows")) > 10, "{}", table.name);
        for (one, other) in [(&kept, &computed), (&computed, &kept)] {
            let answer = engine.sql(&format!("({one}) EXCEPT ({other})")).await;
            let answer = answer.unwrap_or_else(|error| panic!("{computed}: {error}"));
            assert_eq!(answer.batches.len(), 0, "{}: {:?}", table.name, answer.batches);
        }
    }
}

/// The scheduler delay of a task that has ended, in milliseconds.
const DELAY: &str = "greatest(
    0,
    CAST(finish_time AS BIGINT) - CAST(launch_time AS BIGINT)
    - CASE
        WHEN CAST(getting_result_time AS BIGINT) > 0
            THEN CAST(finish_time AS BIGINT) - CAST(getting_result_time AS BIGINT)
        ELSE 0
    END
    - coalesce(executor_run_time_ms, 0)
    - coalesce(executor_deserialize_time_ms, 0)
    - coalesce(result_serialization_time_ms, 0))";

/// The query whose rows those of `table` must be.
fn computed(table: &Table) -> String {
    let mut keys = vec!["app_id", "attempt_id", "segment"];
    let (mut starts, mut ends, mut selected) = (Vec::new(), Vec::new(), Vec::new());
    for column in table.columns() {
        let Source::Folded(fold) = column.source else { continue };
        let name = column.name;
        let (tasks, aggregate) = match fold {
            Fold::Key(of) => {
                assert_eq!(name, of, "a key has the name that tasks have for it");
                keys.push(name);
                continue;
            }
            Fold::Count(tasks) => (tasks, "count(*)".to_owned()),
            Fold::Sum(tasks, of) => (tasks, format!("sum({of})")),
            Fold::SumOfHashes(tasks, of) => {
                let [first, second] = Fold::HASH_FACTORS;
                let spread = format!("({of} * {first})");
                (tasks, format!("sum(({spread} ^ ({spread} >> 32)) * {second})"))
            }
            Fold::SumOfSpans(tasks, from, to) => {
                (tasks, format!("sum(CAST({to} AS BIGINT) - CAST({from} AS BIGINT))"))
            }
            Fold::SumOfDelays(tasks) => (tasks, format!("sum({DELAY})")),
            Fold::Least(tasks, of) => (tasks, format!("min({of})")),
            Fold::Greatest(tasks, of) => (tasks, format!("max({of})")),
        };
        let of = if tasks == Tasks::Started { &mut starts } else { &mut ends };
        of.push(format!("{aggregate} FILTER (WHERE {}) AS {name}", condition(tasks)));
        selected.push(match fold {
            Fold::Least(..) | Fold::Greatest(..) => name.to_owned(),
            _ => format!("coalesce({name}, 0) AS {name}"),
        });
    }
    let grouped = |table: &str, columns: &[String]| {
        let keys = keys.join(", ");
        format!("SELECT {keys}, {} FROM lake.{table} GROUP BY {keys}", columns.join(", "))
    };
    let equal = keys.iter().map(|key| format!("(starts.{key} IS NOT DISTINCT FROM ends.{key})"));
    let either = keys.iter().map(|key| format!("coalesce(starts.{key}, ends.{key}) AS {key}"));
    format!(
        "SELECT {}, {} FROM ({}) AS starts FULL JOIN ({}) AS ends ON {}",
        either.collect::<Vec<_>>().join(", "),
        selected.join(", "),
        grouped("task_starts", &starts),
        grouped("task_ends", &ends),
        equal.collect::<Vec<_>>().join(" AND "),
    )
}

fn condition(tasks: Tasks) -> &'static str {
    match tasks {
        Tasks::Started | Tasks::Ended => "true",
        Tasks::Finished => "end_reason IS DISTINCT FROM 'Resubmitted'",
        Tasks::Succeeded => "end_reason = 'Success'",
        Tasks::Killed => "end_reason IN ('TaskKilled', 'TaskCommitDenied')",
        Tasks::Retried => "end_reason = 'Success' AND (task_attempt > 0 OR stage_attempt_id > 0)",
        Tasks::FlaggedFailed => "failed AND (end_reason IS DISTINCT FROM 'Resubmitted')",
        Tasks::FlaggedKilled => {
            "killed AND failed IS NOT TRUE AND (end_reason IS DISTINCT FROM 'Resubmitted')"
        }
        Tasks::Reporting => "coalesce(peak_jvm_heap_memory, 0) >= 0",
    }
}
