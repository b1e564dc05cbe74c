//! A real Prometheus scrapes a server, and answers the queries that people have for Spark on
//! Kubernetes.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stagelight_ingest::{Metrics, WorkerMetrics};

use crate::fixture::{PATIENCE, REQUIRED, Running, TestLake, get, settings};

/// What guides to Spark on EKS tell people to ask, though Spark exports little of it.
const QUERIES: [&str; 17] = [
    r#"spark_driver_jvm_heap_used{namespace="spark-team-a"}"#,
    "spark_driver_jvm_heap_max",
    "rate(spark_driver_jvm_gc_time[5m])",
    "spark_executor_completedTasks_total",
    "spark_executor_runtime_jvm_heap_used",
    "spark_executor_filesystem_write_bytes",
    "spark_driver_DAGScheduler_stage_failedStages",
    "spark_driver_BlockManager_memory_memUsed_MB",
    "spark_app_stages",
    "spark_app_tasks",
    "spark_app_executors",
    "avg(spark_stage_executor_runTime) by (stage_id)",
    "sum(rate(spark_executor_shuffle_write_diskSpill_bytes[5m])) by (pod)",
    "(spark_driver_jvm_heap_used / spark_driver_jvm_heap_max) * 100 > 85",
    r#"spark_driver_DAGScheduler_job_allJobs{status="failed"} > 0"#,
    r#"count(spark_driver_jvm_heap_used{pod="billing-driver"}) == 1"#,
    r#"spark_driver_jvm_heap_max{cluster="10.100.0.1"} == 94371840"#,
];

/// A report of a driver as Spark writes it, and what its JVM used.
const REPORT: &str = r#"{"Event":"SparkListenerStageExecutorMetrics","Executor ID":"driver","Stage ID":0,"Stage Attempt ID":0,"Executor Metrics":{"JVMHeapMemory":82080256,"JVMOffHeapMemory":98765432,"OnHeapExecutionMemory":0,"OffHeapExecutionMemory":0,"OnHeapStorageMemory":1024,"OffHeapStorageMemory":0,"OnHeapUnifiedMemory":1024,"OffHeapUnifiedMemory":0,"DirectPoolMemory":1,"MappedPoolMemory":0,"MinorGCCount":4,"MinorGCTime":525,"MajorGCCount":0,"MajorGCTime":0,"TotalGCTime":525}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_people_ask_of_spark_is_answered() {
    let lake = TestLake::with(&["failure-40", "spill-40", "executors-40", "../runs"]).await;
    lake.add(&[&on_kubernetes(lake.folder.path())]).await;
    let server = Running::start(lake.engine().await, settings()).await;
    server.get("/metrics").await;
    let Some(alertmanager) = Alertmanager::start(lake.folder.path()) else { return skip() };
    let addresses = (server.address, alertmanager.0.address);
    let Some(prometheus) = Prometheus::start(lake.folder.path(), addresses) else {
        return skip();
    };
    let mut left: Vec<&str> = QUERIES.to_vec();
    let started = Instant::now();
    while !left.is_empty() {
        let mut unanswered = Vec::new();
        for query in left {
            if !prometheus.has_data(query).await {
                unanswered.push(query);
            }
        }
        left = unanswered;
        assert!(started.elapsed() < PATIENCE, "no data: {left:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let told = r#"Spark application payments-reconcile has 3 failed jobs"#;
    while !alertmanager.alerts().await.contains(told) {
        assert!(started.elapsed() < PATIENCE, "SparkJobFailed does not reach the Alertmanager");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    prometheus.evaluates_all_rules().await;
    let exported = prometheus.names().await;
    let of_workers = WorkerMetrics::default().families();
    for name in named_in_rules() {
        let is_ours = exported.contains(&format!("\"{name}\""))
            || of_workers.iter().any(|family| family.name == name);
        assert!(is_ours, "deploy/prometheus/rules.yaml asks for {name}, which nobody exports");
    }
    server.stop().await;
}

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus/rules.yaml")
}

/// The families that the rules ask for.
fn named_in_rules() -> BTreeSet<String> {
    let rules = fs::read_to_string(rules()).expect("rules");
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    // What the rules record themselves has colons.
    let is_family = |word: &&str| {
        !word.contains(':') && (word.starts_with("stagelight_") || word.starts_with("spark_"))
    };
    let names: BTreeSet<_> = words.filter(is_family).map(str::to_owned).collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

/// A log of `testdata` as it would be of a driver in a pod: other settings, and a report of its
/// memory. Tells where it is.
fn on_kubernetes(folder: &Path) -> String {
    let name = "eventlog_v2_local-1795371532772";
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/logs/billing-plain-35");
    let file = "events_1_local-1795371532772";
    let events = fs::read_to_string(log.join(name).join(file)).expect("a log");
    let master = r#""spark.master":"#;
    assert!(events.contains(master), "the log has settings");
    let settings = r#""spark.kubernetes.namespace":"spark-team-a","spark.kubernetes.driver.pod.name":"billing-driver","#;
    let mut lines: Vec<String> = events
        .replace(master, &format!("{settings}{master}"))
        .replace("local[2]", "k8s://https://10.100.0.1:443")
        .replace(r#""spark.driver.memory":"1g""#, r#""spark.driver.memory":"90m""#)
        .lines()
        .map(str::to_owned)
        .collect();
    lines.insert(lines.len() - 1, REPORT.to_owned());
    let folder = folder.join("logs").join(name);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(file), lines.join("\n") + "\n").expect("a log");
    folder.display().to_string()
}

/// A program of Prometheus' that runs.
struct Program {
    child: Child,
    address: SocketAddr,
}

impl Program {
    /// Starts `name` with the arguments that follow from its address; none where it is not installed,
    /// and need not be.
    fn start(name: &str, arguments: impl Fn(SocketAddr) -> Vec<String>) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let started = Command::new(name)
            .args(arguments(address))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match started {
            Err(error)
                if error.kind() == ErrorKind::NotFound && env::var_os(REQUIRED).is_none() =>
            {
                None
            }
            child => Some(Self { child: child.expect("it can be run"), address }),
        }
    }

    /// What it says at a path, once it answers.
    async fn get(&self, path: &str) -> Option<String> {
        let reply = get(self.address, path).await.filter(|reply| reply.status == 200)?;
        Some(reply.body)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Alertmanager(Program);

impl Alertmanager {
    /// One that tells nobody.
    fn start(folder: &Path) -> Option<Self> {
        let config = folder.join("alertmanager.yaml");
        fs::write(&config, "{route: {receiver: nobody}, receivers: [{name: nobody}]}")
            .expect("a file");
        let program = Program::start("prometheus-alertmanager", |address| {
            vec![
                format!("--config.file={}", config.display()),
                format!("--storage.path={}", folder.join("alerts").display()),
                format!("--web.listen-address={address}"),
                "--cluster.listen-address=".to_owned(),
            ]
        });
        program.map(Self)
    }

    /// The alerts that it was told of, as JSON.
    async fn alerts(&self) -> String {
        self.0.get("/api/v2/alerts").await.unwrap_or_default()
    }
}

struct Prometheus(Program);

impl Prometheus {
    /// One that scrapes `target` every second, has the rules of `deploy`, and tells the Alertmanager.
    fn start(folder: &Path, (target, alertmanager): (SocketAddr, SocketAddr)) -> Option<Self> {
        let config = folder.join("prometheus.yaml");
        let text = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alertmanager}']}}]}}]}}\n\
             scrape_configs: [{{job_name: stagelight, honor_labels: true, \
             static_configs: [{{targets: ['{target}']}}]}}]\n",
            rules().display()
        );
        fs::write(&config, text).expect("a file");
        let program = Program::start("prometheus", |address| {
            vec![
                format!("--config.file={}", config.display()),
                format!("--storage.tsdb.path={}", folder.join("tsdb").display()),
                format!("--web.listen-address={address}"),
            ]
        });
        program.map(Self)
    }

    /// Every rule of `deploy` was evaluated without an error.
    async fn evaluates_all_rules(&self) {
        let rules = self.0.get("/api/v1/rules").await.expect("prometheus answers");
        let evaluated = rules.matches(r#""health":"ok""#).count();
        let text = fs::read_to_string(self::rules()).expect("rules");
        let declared = text.lines().map(str::trim_start);
        let declared = declared.filter(|l| l.starts_with("- alert:") || l.starts_with("- record:"));
        assert_eq!(evaluated, declared.count(), "{rules}");
    }

    /// The names of all families that were scraped, as JSON.
    async fn names(&self) -> String {
        let names = self.0.get("/api/v1/label/__name__/values").await;
        names.expect("prometheus answers")
    }

    /// Whether `query` has an answer that is not empty.
    async fn has_data(&self, query: &str) -> bool {
        let escaped: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let path = format!("/api/v1/query?query={escaped}");
        let Some(reply) = get(self.0.address, &path).await else { return false };
        assert!(!reply.body.contains(r#""status":"error""#), "{query}: {}", reply.body);
        reply.status == 200 && !reply.body.contains(r#""result":[]"#)
    }
}

#[expect(clippy::print_stderr, reason = "who reads the test's output should know")]
fn skip() {
    eprintln!(
        "SKIPPED: prometheus or prometheus-alertmanager is not installed, nobody has asked it anything ({REQUIRED}=1 forbids that)"
    );
}
