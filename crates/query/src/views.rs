//! The views of `sql/views/`, one file each.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use include_dir::{Dir, include_dir};

use crate::error::QueryError;
use crate::shared::SharedView;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sql/views");

/// A view and what its file says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name: the file's, without `.sql`.
    pub name: &'static str,
    /// The query.
    pub sql: &'static str,
}

impl View {
    /// Every view, by name.
    pub fn all() -> Vec<Self> {
        let mut views: Vec<_> = FILES
            .files()
            .filter_map(|file| {
                let name = file.path().file_name()?.to_str()?.strip_suffix(".sql")?;
                Some(Self { name, sql: file.contents_utf8()? })
            })
            .collect();
        views.sort_by_key(|view| view.name);
        views
    }

    /// Whether the view's rows are kept for the length of a question, because several others read
    /// them: its comment has a line `shared`.
    pub(crate) fn is_shared(&self) -> bool {
        let mut comment = self.sql.lines().map_while(|line| line.strip_prefix("--"));
        comment.any(|line| line.trim() == "shared")
    }

    /// The first sentence of the comment at the top of the file.
    pub fn doc(&self) -> String {
        let comment: Vec<_> = self
            .sql
            .lines()
            .map_while(|line| line.strip_prefix("--"))
            .map(str::trim)
            .take_while(|line| !line.is_empty())
            .collect();
        let text = comment.join(" ");
        match text.split_once(". ") {
            Some((first, _)) => format!("{first}."),
            None => text,
        }
    }
}

/// Registers every view, those first that others read.
pub(crate) async fn register(context: &SessionContext) -> Result<(), QueryError> {
    let mut waiting = View::all();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut later = Vec::new();
        for view in waiting {
            let reads = reads(context, view.sql).map_err(error(view))?;
            let mut ready = true;
            for table in reads {
                ready &= context.table_exist(table).map_err(error(view))?;
            }
            if ready {
                let plan = context.sql(view.sql).await.map_err(error(view))?;
                let provider = if view.is_shared() {
                    let plan = plan.into_unoptimized_plan();
                    Arc::new(SharedView::new(view.name, plan).map_err(error(view))?)
                } else {
                    plan.into_view()
                };
                context.register_table(view.name, provider).map_err(error(view))?;
            } else {
                later.push(view);
            }
        }
        if later.len() == before {
            let view = later[0];
            // Nothing that it waits for can come: plan it for the message that names what.
            context.sql(view.sql).await.map_err(error(view))?;
            return Err(error(view)(DataFusionError::Plan("views read each other".to_owned())));
        }
        waiting = later;
    }
    Ok(())
}

fn reads(context: &SessionContext, sql: &str) -> Result<Vec<TableReference>, DataFusionError> {
    let state = context.state();
    let dialect = state.config().options().sql_parser.dialect;
    let statement = state.sql_to_statement(sql, &dialect)?;
    state.resolve_table_references(&statement)
}

fn error(view: View) -> impl FnOnce(DataFusionError) -> QueryError {
    move |source| QueryError::View { name: view.name.to_owned(), source }
}
