//! What an orchestrator asks, and how the server begins and ends.

use std::fs;

use stagelight_server::{Server, Settings};

use crate::fixture::{Running, TestLake, settings};

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
async fn a_lake_that_cannot_be_read_is_not_ready_and_keeps_its_metrics() {
    let lake = TestLake::with(&["billing-plain-35"]).await;
    let server = Running::start(lake.engine().await, settings()).await;
    server.eventually("/readyz", |reply| reply.status == 200).await;

    let log = lake.folder.path().join("job_events/_delta_log");
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
