//! The contract's columns, and where the History Server's REST answers have them.

use serde_json::{Map, Value, json};

/// A row under the names of one side.
pub(crate) type Row = Map<String, Value>;

/// A view, the columns that name a row, the columns that REST has, and its rows in REST's names.
pub(crate) struct View {
    pub(crate) name: &'static str,
    pub(crate) key: &'static [&'static str],
    columns: &'static str,
    rows: fn(&Value) -> Vec<Row>,
}

pub(crate) const VIEWS: [View; 7] = [
    View {
        name: "applications",
        key: &["app_id", "attempt_id"],
        columns: "app_id attempt_id app_name spark_user app_spark_version start_time end_time \
                  duration_ms completed",
        rows: application_rows,
    },
    View {
        name: "environment",
        key: &["section", "name"],
        columns: "section name value",
        rows: environment_rows,
    },
    View {
        name: "jobs",
        key: &["job_id"],
        columns: "job_id name description job_group status submission_time completion_time \
                  stage_ids num_tasks num_active_tasks num_completed_tasks num_skipped_tasks \
                  num_failed_tasks num_killed_tasks num_completed_indices num_active_stages \
                  num_completed_stages num_skipped_stages num_failed_stages",
        rows: |oracle| rows(&oracle["jobs"]),
    },
    View {
        name: "stages",
        key: &["stage_id", "stage_attempt_id"],
        columns: "stage_id stage_attempt_id status name description scheduling_pool \
                  failure_reason submission_time first_task_launched_time completion_time \
                  num_tasks num_active_tasks num_complete_tasks num_failed_tasks \
                  num_killed_tasks num_completed_indices resource_profile_id +metrics",
        rows: |oracle| rows(&oracle["stages"]),
    },
    View {
        name: "tasks",
        key: &["task_id"],
        columns: "stage_id stage_attempt_id task_id task_index task_attempt partition_id \
                  launch_time duration_ms executor_id host status task_locality speculative \
                  error_message scheduler_delay_ms getting_result_time_ms +metrics",
        rows: task_rows,
    },
    View {
        name: "executors",
        key: &["executor_id"],
        columns: "executor_id host_port is_active total_cores max_tasks active_tasks \
                  failed_tasks completed_tasks total_tasks total_duration_ms total_gc_time_ms \
                  total_input_bytes total_shuffle_read total_shuffle_write is_excluded \
                  max_memory add_time remove_time remove_reason resource_profile_id",
        rows: executor_rows,
    },
    View {
        name: "sql_executions",
        key: &["execution_id"],
        columns: "execution_id status description submission_time duration_ms running_job_ids \
                  success_job_ids failed_job_ids",
        rows: |oracle| rows(&oracle["sql"]),
    },
];

const METRICS: &str = "executor_deserialize_time_ms executor_deserialize_cpu_time_ns \
    executor_run_time_ms executor_cpu_time_ns result_size jvm_gc_time_ms \
    result_serialization_time_ms memory_bytes_spilled disk_bytes_spilled peak_execution_memory \
    input_bytes input_records output_bytes output_records shuffle_remote_blocks_fetched \
    shuffle_local_blocks_fetched shuffle_fetch_wait_time_ms shuffle_remote_bytes_read \
    shuffle_remote_bytes_read_to_disk shuffle_local_bytes_read shuffle_read_bytes \
    shuffle_read_records shuffle_write_bytes shuffle_write_time_ns shuffle_write_records";

/// Where REST keeps metrics of a task that it has at the top for a stage.
const NESTED_METRICS: [(&str, &[(&str, &str)]); 4] = [
    ("inputMetrics", &[("inputBytes", "bytesRead"), ("inputRecords", "recordsRead")]),
    ("outputMetrics", &[("outputBytes", "bytesWritten"), ("outputRecords", "recordsWritten")]),
    (
        "shuffleReadMetrics",
        &[
            ("shuffleRemoteBlocksFetched", "remoteBlocksFetched"),
            ("shuffleLocalBlocksFetched", "localBlocksFetched"),
            ("shuffleFetchWaitTime", "fetchWaitTime"),
            ("shuffleRemoteBytesRead", "remoteBytesRead"),
            ("shuffleRemoteBytesReadToDisk", "remoteBytesReadToDisk"),
            ("shuffleLocalBytesRead", "localBytesRead"),
            ("shuffleReadRecords", "recordsRead"),
        ],
    ),
    (
        "shuffleWriteMetrics",
        &[
            ("shuffleWriteBytes", "bytesWritten"),
            ("shuffleWriteTime", "writeTime"),
            ("shuffleWriteRecords", "recordsWritten"),
        ],
    ),
];

impl View {
    /// The columns that REST has.
    pub(crate) fn columns(&self) -> Vec<&'static str> {
        let columns = self.columns.split_whitespace();
        columns.flat_map(|c| if c == "+metrics" { METRICS } else { c }.split_whitespace()).collect()
    }

    /// What the History Server answered, under the view's names; `None` where it was not asked, as
    /// for the tasks of an application that has very many.
    pub(crate) fn answer(&self, oracle: &Value) -> Option<Vec<Row>> {
        let no_tasks = oracle["tasks"].as_object().is_none_or(Map::is_empty);
        let some_ran = rows(&oracle["stages"]).iter().any(|stage| stage["numCompleteTasks"] != 0);
        if self.name == "tasks" && no_tasks && some_ran {
            return None;
        }
        let columns = self.columns();
        let renamed = |theirs: Row| {
            let value = |column: &str| comparable(column, theirs.get(&name_in_rest(column)));
            columns.iter().map(|column| ((*column).to_owned(), value(column))).collect()
        };
        Some((self.rows)(oracle).into_iter().map(renamed).collect())
    }
}

/// `executor_run_time_ms` is `executorRunTime`.
fn name_in_rest(column: &str) -> String {
    match column {
        "stage_attempt_id" => "attemptId".to_owned(),
        "task_index" => "index".to_owned(),
        "task_attempt" => "attempt".to_owned(),
        "execution_id" => "id".to_owned(),
        "total_gc_time_ms" => "totalGCTime".to_owned(),
        _ => {
            let name = column.trim_end_matches("_ms").trim_end_matches("_ns");
            let mut words = name.split('_');
            let first = words.next().unwrap_or_default().to_owned();
            words.fold(first, |name, word| {
                let (initial, rest) = word.split_at(1);
                name + &initial.to_uppercase() + rest
            })
        }
    }
}

/// Times in one spelling, sets in one order, and null for what is not there.
pub(crate) fn comparable(column: &str, value: Option<&Value>) -> Value {
    match value {
        Some(Value::String(time)) if column.ends_with("_time") => {
            // -1 stands for no time.
            if time == "1969-12-31T23:59:59.999GMT" {
                return Value::Null;
            }
            Value::String(time.replace("GMT", "Z"))
        }
        Some(Value::Array(ids)) if column.ends_with("_job_ids") => {
            let mut ids = ids.clone();
            ids.sort_by_key(Value::as_i64);
            Value::Array(ids)
        }
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

fn rows(list: &Value) -> Vec<Row> {
    let rows = list.as_array().into_iter().flatten();
    rows.filter_map(|row| row.as_object().cloned()).collect()
}

fn application_rows(oracle: &Value) -> Vec<Row> {
    let application = &oracle["application"];
    let mut attempts = rows(&application["attempts"]);
    for attempt in &mut attempts {
        attempt.insert("appId".to_owned(), application["id"].clone());
        attempt.insert("appName".to_owned(), application["name"].clone());
    }
    attempts
}

fn environment_rows(oracle: &Value) -> Vec<Row> {
    let environment = &oracle["environment"];
    let mut entries = Vec::new();
    let mut add = |section: &str, name: &Value, value: &Value| {
        let entry = json!({ "section": section, "name": name, "value": value });
        entries.extend(entry.as_object().cloned());
    };
    for (name, key) in [
        ("java_version", "javaVersion"),
        ("java_home", "javaHome"),
        ("scala_version", "scalaVersion"),
    ] {
        if let Some(value) = environment["runtime"].get(key) {
            add("runtime", &json!(name), value);
        }
    }
    for (section, key) in [
        ("spark_properties", "sparkProperties"),
        ("hadoop_properties", "hadoopProperties"),
        ("system_properties", "systemProperties"),
        ("metrics_properties", "metricsProperties"),
        ("classpath_entries", "classpathEntries"),
    ] {
        for pair in environment[key].as_array().into_iter().flatten() {
            add(section, &pair[0], &pair[1]);
        }
    }
    entries
}

fn task_rows(oracle: &Value) -> Vec<Row> {
    let mut tasks = Vec::new();
    for (stage, list) in oracle["tasks"].as_object().into_iter().flatten() {
        let (stage_id, attempt_id) = stage.split_once('.').expect("a key such as 0.0");
        let number = |text: &str| json!(text.parse::<i64>().expect("a number"));
        for mut task in rows(list) {
            task.insert("stageId".to_owned(), number(stage_id));
            task.insert("attemptId".to_owned(), number(attempt_id));
            if let Some(metrics) = task.remove("taskMetrics") {
                task.extend(flat_metrics(&metrics));
            }
            tasks.push(task);
        }
    }
    tasks
}

/// A task's metrics under the names that a stage has for them.
fn flat_metrics(metrics: &Value) -> Row {
    let mut flat = metrics.as_object().cloned().unwrap_or_default();
    for (group, names) in NESTED_METRICS {
        for (name, name_in_group) in names {
            flat.insert((*name).to_owned(), metrics[group][name_in_group].clone());
        }
    }
    let read = |name: &str| flat.get(name).and_then(Value::as_i64).unwrap_or(0);
    let bytes = read("shuffleLocalBytesRead") + read("shuffleRemoteBytesRead");
    flat.insert("shuffleReadBytes".to_owned(), json!(bytes));
    flat
}

fn executor_rows(oracle: &Value) -> Vec<Row> {
    let mut executors = rows(&oracle["allexecutors"]);
    for executor in &mut executors {
        let id = executor["id"].clone();
        executor.insert("executorId".to_owned(), id);
    }
    executors
}
