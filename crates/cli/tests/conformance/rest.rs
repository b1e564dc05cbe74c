//! The contract's columns, and where the History Server's REST answers have them.

use serde_json::{Map, Value, json};

/// A row under the names of one side.
pub(crate) type Row = Map<String, Value>;

/// A view, the columns that name a row, the columns that REST has, and its rows in REST's names.
pub(crate) struct View {
    pub(crate) name: &'static str,
    pub(crate) key: &'static [&'static str],
    /// Which rows of the view REST has.
    pub(crate) filter: &'static str,
    columns: &'static str,
    rows: fn(&Value) -> Vec<Row>,
}

pub(crate) const VIEWS: [View; 13] = [
    View {
        name: "applications",
        key: &["app_id", "attempt_id"],
        filter: "true",
        columns: "app_id attempt_id app_name spark_user app_spark_version start_time end_time \
                  duration_ms completed",
        rows: application_rows,
    },
    View {
        name: "environment",
        key: &["section", "name"],
        filter: "true",
        columns: "section name value",
        rows: environment_rows,
    },
    View {
        name: "jobs",
        key: &["job_id"],
        filter: "true",
        columns: "job_id name description job_group status submission_time completion_time \
                  stage_ids num_tasks num_active_tasks num_completed_tasks num_skipped_tasks \
                  num_failed_tasks num_killed_tasks num_completed_indices num_active_stages \
                  num_completed_stages num_skipped_stages num_failed_stages",
        rows: |oracle| rows(&oracle["jobs"]),
    },
    View {
        name: "stages",
        key: &["stage_id", "stage_attempt_id"],
        filter: "true",
        columns: "stage_id stage_attempt_id status name description scheduling_pool \
                  failure_reason submission_time first_task_launched_time completion_time \
                  num_tasks num_active_tasks num_complete_tasks num_failed_tasks \
                  num_killed_tasks num_completed_indices resource_profile_id +metrics",
        rows: |oracle| rows(&oracle["stages"]),
    },
    View {
        name: "tasks",
        key: &["task_id"],
        filter: "true",
        columns: "stage_id stage_attempt_id task_id task_index task_attempt partition_id \
                  launch_time duration_ms executor_id host status task_locality speculative \
                  error_message scheduler_delay_ms getting_result_time_ms +metrics",
        rows: task_rows,
    },
    View {
        name: "executors",
        key: &["executor_id"],
        filter: "true",
        columns: "executor_id host_port is_active total_cores max_tasks active_tasks \
                  failed_tasks completed_tasks total_tasks total_duration_ms total_gc_time_ms \
                  total_input_bytes total_shuffle_read total_shuffle_write is_excluded \
                  max_memory add_time remove_time remove_reason resource_profile_id",
        rows: executor_rows,
    },
    View {
        name: "sql_executions",
        key: &["execution_id"],
        filter: "true",
        columns: "execution_id status description submission_time duration_ms running_job_ids \
                  success_job_ids failed_job_ids",
        rows: |oracle| rows(&oracle["sql"]),
    },
    View {
        name: "sql_plan_nodes",
        key: &["execution_id", "node_id"],
        filter: "is_last_version",
        columns: "execution_id node_id node_name whole_stage_codegen_id parent_node_ids",
        rows: plan_node_rows,
    },
    View {
        name: "sql_metrics",
        key: &["execution_id", "node_id", "metric_name"],
        filter: "true",
        columns: "execution_id node_id node_name metric_name value_text",
        rows: sql_metric_rows,
    },
    View {
        name: "task_quantiles",
        key: &["stage_id", "stage_attempt_id", "quantile"],
        filter: "true",
        columns: "stage_id stage_attempt_id quantile duration_ms executor_deserialize_time_ms \
                  executor_deserialize_cpu_time_ns executor_run_time_ms executor_cpu_time_ns \
                  result_size jvm_gc_time_ms result_serialization_time_ms \
                  getting_result_time_ms scheduler_delay_ms peak_execution_memory \
                  memory_bytes_spilled disk_bytes_spilled input_bytes input_records \
                  output_bytes output_records shuffle_read_bytes shuffle_read_records \
                  shuffle_remote_blocks_fetched shuffle_local_blocks_fetched \
                  shuffle_fetch_wait_time_ms shuffle_remote_bytes_read \
                  shuffle_remote_bytes_read_to_disk shuffle_write_bytes \
                  shuffle_write_records shuffle_write_time_ns",
        rows: quantile_rows,
    },
    View {
        name: "executor_peak_metrics",
        key: &["executor_id"],
        filter: "true",
        columns: "executor_id +peaks",
        rows: executor_peak_rows,
    },
    View {
        name: "killed_tasks",
        key: &["stage_id", "stage_attempt_id", "reason"],
        filter: "true",
        columns: "stage_id stage_attempt_id reason num_tasks",
        rows: killed_task_rows,
    },
    View {
        name: "stage_peak_metrics",
        key: &["stage_id", "stage_attempt_id"],
        filter: "true",
        columns: "stage_id stage_attempt_id +peaks",
        rows: stage_peak_rows,
    },
];

const PEAKS: &str = "jvm_heap_memory jvm_off_heap_memory on_heap_execution_memory \
    off_heap_execution_memory on_heap_storage_memory off_heap_storage_memory \
    on_heap_unified_memory off_heap_unified_memory direct_pool_memory mapped_pool_memory \
    process_tree_jvm_v_memory process_tree_jvm_rss_memory process_tree_python_v_memory \
    process_tree_python_rss_memory process_tree_other_v_memory process_tree_other_rss_memory \
    minor_gc_count minor_gc_time_ms major_gc_count major_gc_time_ms total_gc_time_ms \
    concurrent_gc_count concurrent_gc_time_ms";

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
        columns
            .flat_map(|column| match column {
                "+metrics" => METRICS.split_whitespace(),
                "+peaks" => PEAKS.split_whitespace(),
                _ => column.split_whitespace(),
            })
            .collect()
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

fn plan_node_rows(oracle: &Value) -> Vec<Row> {
    let mut nodes = Vec::new();
    for execution in rows(&oracle["sql"]) {
        let edges = execution.get("edges").map(rows).unwrap_or_default();
        for mut node in execution.get("nodes").map(rows).unwrap_or_default() {
            let mut parents: Vec<_> = edges
                .iter()
                .filter(|edge| edge["fromId"] == node["nodeId"])
                .map(|edge| edge["toId"].clone())
                .collect();
            parents.sort_by_key(Value::as_i64);
            node.insert("parentNodeIds".to_owned(), json!(parents));
            node.insert("id".to_owned(), execution["id"].clone());
            nodes.push(node);
        }
    }
    nodes
}

fn sql_metric_rows(oracle: &Value) -> Vec<Row> {
    let mut metrics = Vec::new();
    for execution in rows(&oracle["sql"]) {
        for node in execution.get("nodes").map(rows).unwrap_or_default() {
            for metric in node.get("metrics").map(rows).unwrap_or_default() {
                let row = json!({
                    "id": execution["id"],
                    "nodeId": node["nodeId"],
                    "nodeName": node["nodeName"],
                    "metricName": metric["name"],
                    "valueText": metric["value"],
                });
                metrics.extend(row.as_object().cloned());
            }
        }
    }
    metrics
}

/// A row for each quantile; REST has a list of five for each metric.
fn quantile_rows(oracle: &Value) -> Vec<Row> {
    let mut quantiles = Vec::new();
    for (stage, summary) in oracle["task_summary"].as_object().into_iter().flatten() {
        let (stage_id, attempt_id) = stage.split_once('.').expect("a key such as 0.0");
        let number = |text: &str| json!(text.parse::<i64>().expect("a number"));
        for (at, quantile) in summary["quantiles"].as_array().into_iter().flatten().enumerate() {
            let mut row = Row::new();
            let mut add = |name: &str, list: &Value| {
                // REST has them as 12.0.
                let whole = list[at].as_f64().and_then(|n| format!("{n}").parse::<i64>().ok());
                row.insert(name.to_owned(), json!(whole));
            };
            for (name, list) in summary.as_object().into_iter().flatten() {
                add(name, list);
            }
            for (group, name, name_in_group) in [
                ("inputMetrics", "inputBytes", "bytesRead"),
                ("inputMetrics", "inputRecords", "recordsRead"),
                ("outputMetrics", "outputBytes", "bytesWritten"),
                ("outputMetrics", "outputRecords", "recordsWritten"),
                ("shuffleReadMetrics", "shuffleReadBytes", "readBytes"),
                ("shuffleReadMetrics", "shuffleReadRecords", "readRecords"),
                ("shuffleReadMetrics", "shuffleRemoteBlocksFetched", "remoteBlocksFetched"),
                ("shuffleReadMetrics", "shuffleLocalBlocksFetched", "localBlocksFetched"),
                ("shuffleReadMetrics", "shuffleFetchWaitTime", "fetchWaitTime"),
                ("shuffleReadMetrics", "shuffleRemoteBytesRead", "remoteBytesRead"),
                ("shuffleReadMetrics", "shuffleRemoteBytesReadToDisk", "remoteBytesReadToDisk"),
                ("shuffleWriteMetrics", "shuffleWriteBytes", "writeBytes"),
                ("shuffleWriteMetrics", "shuffleWriteRecords", "writeRecords"),
                ("shuffleWriteMetrics", "shuffleWriteTime", "writeTime"),
            ] {
                add(name, &summary[group][name_in_group]);
            }
            row.insert("stageId".to_owned(), number(stage_id));
            row.insert("attemptId".to_owned(), number(attempt_id));
            row.insert("quantile".to_owned(), quantile.clone());
            quantiles.push(row);
        }
    }
    quantiles
}

fn killed_task_rows(oracle: &Value) -> Vec<Row> {
    let mut reasons = Vec::new();
    for stage in rows(&oracle["stages"]) {
        for (reason, tasks) in stage["killedTasksSummary"].as_object().into_iter().flatten() {
            let row = json!({
                "stageId": stage["stageId"],
                "attemptId": stage["attemptId"],
                "reason": reason,
                "numTasks": tasks,
            });
            reasons.extend(row.as_object().cloned());
        }
    }
    reasons
}

fn executor_peak_rows(oracle: &Value) -> Vec<Row> {
    let executors = rows(&oracle["allexecutors"]);
    executors
        .iter()
        .filter_map(|executor| {
            let mut row = peaks(executor.get("peakMemoryMetrics")?)?;
            row.insert("executorId".to_owned(), executor["id"].clone());
            Some(row)
        })
        .collect()
}

fn stage_peak_rows(oracle: &Value) -> Vec<Row> {
    let stages = rows(&oracle["stages"]);
    stages
        .iter()
        .filter_map(|stage| {
            let mut row = peaks(stage.get("peakExecutorMetrics")?)?;
            row.insert("stageId".to_owned(), stage["stageId"].clone());
            row.insert("attemptId".to_owned(), stage["attemptId"].clone());
            Some(row)
        })
        .collect()
}

/// Peaks under our names, in REST's spelling: `JVMHeapMemory` is `jvm_heap_memory`.
fn peaks(metrics: &Value) -> Option<Row> {
    let metrics = metrics.as_object()?;
    let plain = |name: &str| name.replace('_', "").to_lowercase();
    let value = |column: &str| {
        let wanted = plain(column.trim_end_matches("_ms"));
        metrics.iter().find(|(name, _)| plain(name) == wanted).map(|(_, value)| value.clone())
    };
    let peaks = PEAKS.split_whitespace();
    Some(peaks.map(|c| (name_in_rest(c), value(c).unwrap_or_default())).collect())
}
