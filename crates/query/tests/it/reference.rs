//! The pages of reference in `docs/` are those that the declarations make.

use std::fs;

use arrow::util::display::array_value_to_string;
use stagelight_query::{Settings, metrics_reference};

use crate::{engine_of, root};

#[test]
fn the_page_of_metrics_is_up_to_date() {
    assert_page("metrics.md", &metrics_reference().expect("headers are whole"));
}

#[tokio::test]
async fn the_page_of_functions_is_up_to_date() {
    let (_folder, engine) = engine_of(&[], &Settings::default()).await;
    let declared = engine.functions_reference().await;
    assert_page("functions.md", &declared.expect("every function can be planned"));
}

#[tokio::test]
async fn the_page_of_views_is_up_to_date() {
    let (_folder, engine) = engine_of(&[], &Settings::default()).await;
    assert_page("views.md", &engine.views_reference().await.expect("every view can be planned"));
}

/// An example of a function ends with a comment that has its answer.
#[tokio::test]
async fn the_examples_of_functions_are_true() {
    let (_folder, engine) = engine_of(&[], &Settings::default()).await;
    let page = engine.functions_reference().await.expect("every function can be planned");
    let mut examples = 0;
    for example in page.split("```sql\n").skip(1) {
        let (example, _) = example.split_once("\n```").expect("an end");
        let Some((sql, expected)) = example.rsplit_once(";  -- ") else { continue };
        let answer = engine.sql(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        let value = array_value_to_string(answer.batches[0].column(0), 0).expect("a text");
        assert_eq!(value, expected, "{sql}");
        examples += 1;
    }
    assert!(examples >= 10, "only {examples} functions have an example");
}

fn assert_page(name: &str, declared: &str) {
    let written = fs::read_to_string(root().join("docs").join(name)).unwrap_or_default();
    if written != declared {
        let fresh = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
        fs::write(&fresh, declared).expect("a file");
        panic!("docs/{name} is not what the declarations say; copy {fresh} over it");
    }
}
