//! `failure_class(text)`: what kind of cause a message or a stack trace names; NULL if none.
//!
//! Messages are those of Spark, of the cluster managers and of the JVM, each with its source beside
//! it. Of exceptions it is the classes that count, not what users wrote into messages.

use datafusion::logical_expr::ScalarUDF;

use super::stack_fingerprint::{Stack, text_about, text_function};

/// The function.
pub(super) fn function() -> ScalarUDF {
    let about = text_about(
        "failure_class",
        "What kind of cause a message or a stack trace names: `out_of_memory`, `disk_full`, \
         `container_killed`, `cancelled`, `executor_lost`, `timeout`, `fetch_failed` or \
         `user_exception`; NULL if none. Of exceptions it is the classes that count, not what users \
         wrote into messages.",
        "SELECT failure_class('Command exited with code 137');  -- container_killed",
    );
    text_function(about, |text| class(text).map(str::to_owned))
}

/// Phrases that name a cause. The first that is there holds: why the executor was lost comes before
/// that it was, and what it cost comes last.
const PHRASES: [(&str, &[&str]); 9] = [
    (
        "out_of_memory",
        &[
            // The JVM (java.lang.OutOfMemoryError), also where only its message is quoted.
            "java.lang.OutOfMemoryError",
            "Java heap space",
            "GC overhead limit exceeded",
            "Direct buffer memory",
            "unable to create native thread",
            "unable to create new native thread",
            // Netty's PlatformDependent, Spark's TaskMemoryManager.
            "io.netty.util.internal.OutOfDirectMemoryError",
            "org.apache.spark.memory.SparkOutOfMemoryError",
            // Spark RAPIDS.
            "com.nvidia.spark.rapids.jni.GpuRetryOOM",
            "com.nvidia.spark.rapids.jni.GpuSplitAndRetryOOM",
            // SparkExitCode.OOM, as Kubernetes (ExecutorPodsLifecycleManager.describeExitCode), the
            // standalone ExecutorRunner and YARN say it.
            "exit code 52(",
            "exited with code 52",
            "Exit status: 52",
        ],
    ),
    (
        "disk_full",
        // The system's ENOSPC; the kubelet's eviction manager.
        &[
            "No space left on device",
            "Usage of EmptyDir volume",
            "low on resource: ephemeral-storage",
        ],
    ),
    (
        "container_killed",
        &[
            // YarnAllocator.processCompletedContainers; before, and other schedulers: the
            // NodeManager's ContainersMonitorImpl.
            "Container killed by YARN for exceeding",
            "is running beyond physical memory limits",
            "is running beyond virtual memory limits",
            // The kubelet's reason of a terminated container.
            "OOMKilled",
            // ExecutorPodsLifecycleManager.describeExitCode.
            "possible container OOM",
        ],
    ),
    (
        "cancelled",
        &[
            // DAGScheduler.cleanUpAfterSchedulerStop.
            "Stage cancelled because SparkContext was shut down",
            // StreamExecution.isInterruptionException: the query was stopped.
            "java.lang.InterruptedException",
            "java.io.InterruptedIOException",
            "java.nio.channels.ClosedByInterruptException",
        ],
    ),
    (
        "executor_lost",
        &[
            // ExecutorDecommission.msgPrefix.
            "Executor decommission",
            // YarnAllocator: PREEMPTED, SUCCESS; ContainerExitStatus.ABORTED of a lost node.
            "was preempted",
            "exited because of a YARN event",
            "Container released on a *lost* node",
            // ExecutorPodsLifecycleManager: a pod that is deleted, by eviction or spot reclaim.
            "was deleted by a user or the framework",
            "was not found in the cluster at the polling time",
            "Evicted",
        ],
    ),
    (
        "container_killed",
        &[
            // SIGKILL and SIGTERM. Standalone's ExecutorRunner, YARN, Kubernetes.
            "exited with code 137",
            "exited with code 143",
            "exit code 137",
            "exit code 143",
            "Exit status: 137",
            "Exit status: 143",
            "Exit code is 137",
            "Exit code is 143",
        ],
    ),
    (
        "timeout",
        &[
            // HeartbeatReceiver.expireDeadHosts, RpcTimeout, ThreadUtils.awaitResult,
            // BroadcastExchangeExec.
            "Executor heartbeat timed out",
            "org.apache.spark.rpc.RpcTimeoutException",
            "Futures timed out after",
            "Could not execute broadcast in",
            "java.util.concurrent.TimeoutException",
        ],
    ),
    (
        "fetch_failed",
        // FetchFailed.toErrorString and its exceptions.
        &["FetchFailed(", "FetchFailedException"],
    ),
    (
        "executor_lost",
        &[
            // TaskSchedulerImpl.executorLost, ExecutorLossReason's subclasses,
            // CoarseGrainedSchedulerBackend.onDisconnected.
            "ExecutorLostFailure (",
            "Executor Process Lost",
            "Executor process lost",
            "Remote RPC client disassociated",
            "Worker lost",
            "worker lost",
            "Slave lost",
        ],
    ),
];

fn class(text: &str) -> Option<&'static str> {
    let stack = Stack::parse(text);
    let classes: Vec<_> = stack.classes().collect();
    let is_of_spark = classes.iter().all(|class| class.starts_with("org.apache.spark."));
    if is_of_spark && names_cancelled_job(text) {
        return Some("cancelled");
    }
    if classes.is_empty() {
        return phrase(text);
    }
    // The message is the user's wherever there is an exception, but for what the system says.
    if classes.contains(&"MemoryError") {
        return Some("out_of_memory");
    }
    let of_system = || text.contains("No space left on device").then_some("disk_full");
    Some(phrase(&classes.join("\n")).or_else(of_system).unwrap_or("user_exception"))
}

/// "Job 7 cancelled ...", for whatever reason. Spark: `DAGScheduler.handleJobCancellation`,
/// `cleanUpAfterSchedulerStop`.
fn names_cancelled_job(text: &str) -> bool {
    text.match_indices("Job ").any(|(at, job)| {
        let number = &text[at + job.len()..];
        let rest = number.trim_start_matches(|c: char| c.is_ascii_digit());
        rest.len() < number.len() && rest.starts_with(" cancelled")
    })
}

fn phrase(text: &str) -> Option<&'static str> {
    PHRASES
        .iter()
        .find(|(_, phrases)| phrases.iter().any(|phrase| text.contains(phrase)))
        .map(|(class, _)| *class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_their_cause() {
        for (text, expected) in [
            ("java.lang.OutOfMemoryError: Java heap space\n\tat a.B.c(B.java:1)", "out_of_memory"),
            ("java.lang.OutOfMemoryError: GC overhead limit exceeded", "out_of_memory"),
            ("java.lang.OutOfMemoryError: unable to create new native thread", "out_of_memory"),
            ("Command exited with code 52", "out_of_memory"),
            ("Command exited with code 137", "container_killed"),
            (
                "Container killed by YARN for exceeding physical memory limits. 5.5 GB of 5.5 GB \
                 physical memory used. Consider boosting spark.executor.memoryOverhead.",
                "container_killed",
            ),
            (
                "\nThe executor with id 3 exited with exit code 137(SIGKILL, possible container \
                 OOM).\n\nThe API gave the following container statuses: ... OOMKilled",
                "container_killed",
            ),
            (
                "Container marked as failed: container_e46_1_01_000252 on host: h. Exit status: \
                 143. Diagnostics: Container killed on request. Exit code is 143",
                "container_killed",
            ),
            (
                "Container marked as failed: c on host: h. Exit status: -100. Diagnostics: \
                 Container released on a *lost* node.",
                "executor_lost",
            ),
            ("Container container_1 on host: h was preempted.", "executor_lost"),
            ("The executor with id 7 was deleted by a user or the framework.", "executor_lost"),
            ("Executor decommission: Spot instance is reclaimed", "executor_lost"),
            ("Executor heartbeat timed out after 131215 ms", "timeout"),
            (
                "org.apache.spark.SparkException: Could not execute broadcast in 300 secs.\n\
                 Caused by: java.util.concurrent.TimeoutException",
                "timeout",
            ),
            ("java.io.IOException: No space left on device", "disk_full"),
            ("[SPARK_JOB_CANCELLED] Job 2 cancelled part of cancelled job group x", "cancelled"),
            ("Stage cancelled because SparkContext was shut down", "cancelled"),
            ("java.lang.InterruptedException\n\tat a.B.c(B.java:1)", "cancelled"),
            ("com.nvidia.spark.rapids.jni.GpuSplitAndRetryOOM: GPU OutOfMemory", "out_of_memory"),
            ("Job 3 cancelled because SparkContext was shut down", "cancelled"),
            ("org.apache.spark.SparkException: Job 3 cancelled by me", "cancelled"),
            ("a.b.Broken: Job 3 cancelled", "user_exception"),
            (
                "The API gave the following message: Usage of EmptyDir volume \"spark-local-dir-1\" \
                 exceeds the limit \"1Gi\".",
                "disk_full",
            ),
            (
                "org.apache.spark.shuffle.FetchFailedException\n\tat a.B.c(B.java:1)\n\
                 Caused by: java.io.IOException: Connection reset by peer",
                "fetch_failed",
            ),
            (
                "Remote RPC client disassociated. Likely due to containers exceeding thresholds, or \
                 network issues. Check driver logs for WARN messages.",
                "executor_lost",
            ),
            // What users write into messages does not count.
            ("a.b.Broken: exited with code 137, FetchFailedException", "user_exception"),
            ("ValueError: Evicted", "user_exception"),
        ] {
            assert_eq!(class(text), Some(expected), "{text}");
        }
        for text in ["", "it ended with exit code 1", "[DIVIDE_BY_ZERO] Division by zero."] {
            assert_eq!(class(text), None, "{text}");
        }
    }
}
