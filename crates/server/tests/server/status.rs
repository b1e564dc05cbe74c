//! What an orchestrator asks, and how the server begins and ends.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use stagelight_lake::Lake;
use stagelight_server::{Server, Settings};
use stagelight_tables::APPLICATION_TOTALS;

use crate::fixture::{Reply, Running, TestLake, settings};

#[tokio::test(flavor = "multi_thread")]
async fn every_path_has_its_answer() {
    let lake = TestLake::with(&["billing-plain-35"]).await;
    let server = Running::start(lake.engine().await, settings()).await;

    let health = server.get("/healthz").await;
    assert_eq!((health.status, health.body.as_str()), (200, "ok\n"));

    let scrape = server.get("/metrics").await;
    assert_eq!(scrape.status, 200);
    let content_type = "\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8";
    assert!(scrape.head.contains(content_type), "{}", scrape.head);

    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.body.as_str()), (200, "ready\n"));

    let page = server.get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.head.contains("\r\ncontent-type: text/html"), "{}", page.head);
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert!(page.body.contains(path), "the page names {path}");
    }

    assert_eq!(server.get("/nowhere").await.status, 404);
    assert_eq!(server.ask("POST", "/metrics").await.status, 405);
    assert_eq!(server.ask("HEAD", "/metrics").await.body, "");

    let requests = server.get("/metrics").await;
    let requests = requests.family("stagelight_http_requests_total");
    assert!(requests.contains(&("code=\"200\",path=\"/healthz\"", 1.0)), "{requests:?}");
    assert!(requests.contains(&("code=\"404\",path=\"other\"", 1.0)), "{requests:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_is_not_there_is_waited_for() {
    let lake = TestLake::without();
    let server = Running::start_without(&lake, settings()).await;
    let unready = server.eventually("/readyz", |reply| reply.body.contains("lake")).await;
    assert_eq!(unready.status, 503);
    let reason = format!("there is no lake at {}", lake.uri());
    assert!(unready.body.starts_with(&reason), "{}", unready.body);
    assert_eq!(server.get("/healthz").await.status, 200);
    let scrape = server.get("/metrics").await;
    assert_eq!((scrape.status, scrape.body), (503, unready.body));

    lake.add(&["billing-plain-35"]).await;
    // It is empty at first.
    let is_shown = |reply: &Reply| !reply.family("stagelight_spark_tasks_total").is_empty();
    server.eventually("/metrics", is_shown).await;
    assert_eq!(server.get("/readyz").await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_lake_can_be_stopped() {
    let lake = TestLake::without();
    let server = Running::start_without(&lake, settings()).await;
    server.eventually("/readyz", |reply| reply.body.contains("there is no lake")).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_is_there_and_cannot_be_opened_ends_the_server() {
    let lake = TestLake::with(&["billing-plain-35"]).await;
    let log = lake.folder.path().join("lake/sources/_delta_log");
    for entry in fs::read_dir(&log).expect("the ledger has a log") {
        fs::write(entry.expect("an entry").path(), "this is no commit").expect("it can be written");
    }
    let server = Running::start_without(&lake, settings()).await;
    let error = server.ended().await.expect_err("it cannot be read");
    assert!(error.to_string().starts_with("table sources: "), "{error}");
}

/// What another process merges or rolls up is no news, and where it was is deleted later.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_have_moved_without_news_are_found() {
    let lake = TestLake::with(&["billing-plain-35"]).await;
    let engine = lake.engine().await;
    assert_eq!(engine.roll_up(|_, _| ()).await.expect("it is rolled up").applications, 1);
    let shown = lake.engine().await;
    let settings = Settings { snapshot_max_age: Duration::ZERO, ..settings() };
    let server = Running::start(Arc::clone(&shown), settings).await;
    let tasks = async || {
        let scrape = server.eventually("/metrics", |reply| reply.status == 200).await;
        scrape.family("stagelight_spark_tasks_total").iter().map(|(_, value)| value).sum::<f64>()
    };
    let before = tasks().await;
    assert!(before > 0.0);

    let rollup = lake.folder.path().join("lake").join(APPLICATION_TOTALS.name);
    let files = || -> Vec<PathBuf> {
        let entries = fs::read_dir(&rollup).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter(|path| path.extension().is_some_and(|end| end == "parquet")).collect()
    };
    let old = files();
    let maintain = Lake::open(&lake.uri()).await.expect("the lake is there");
    assert!(maintain.overwrite(APPLICATION_TOTALS, 1, &[]).await.expect("it can be written"));
    assert!(!shown.refresh_on_news().await.expect("it can be read"), "that is no news");
    for file in old {
        fs::remove_file(file).expect("it is there");
    }
    server.eventually("/readyz", |reply| reply.status == 503).await;
    server.eventually("/readyz", |reply| reply.status == 200).await;
    assert_eq!(tasks().await, before);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_cannot_be_read_is_not_ready_and_keeps_its_metrics() {
    let lake = TestLake::with(&["billing-plain-35"]).await;
    let settings = Settings { whole_look: Duration::from_millis(50), ..settings() };
    let server = Running::start(lake.engine().await, settings).await;
    server.eventually("/readyz", |reply| reply.status == 200).await;

    let log = lake.folder.path().join("lake/job_events/_delta_log");
    let versions = fs::read_dir(&log).expect("the table has a log").count();
    let broken = log.join(format!("{versions:020}.json"));
    fs::write(&broken, "this is no commit\n").expect("the log can be written");
    let unready = server.eventually("/readyz", |reply| reply.status == 503).await;
    assert!(unready.body.contains("job_events"), "the reason names the table: {}", unready.body);
    assert_eq!(server.get("/healthz").await.status, 200);
    let scrape = server.get("/metrics").await;
    assert_eq!(scrape.status, 200);
    assert!(!scrape.family("stagelight_spark_application_elapsed_seconds").is_empty());

    fs::remove_file(&broken).expect("the log can be mended");
    server.eventually("/readyz", |reply| reply.status == 200).await;
    server.stop().await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let first = Server::bind(settings()).await.expect("a port is free");
    let listen = first.local_addr().to_string();
    let second = Server::bind(Settings { listen: listen.clone(), ..settings() }).await;
    let error = second.expect_err("the port is taken");
    assert!(error.to_string().starts_with(&format!("cannot listen on {listen}: ")), "{error}");
}
