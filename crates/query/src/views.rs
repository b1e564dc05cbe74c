//! The views of `sql/views/`, one file each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::Schema;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::{DataFrame, SessionContext};
use include_dir::{Dir, include_dir};
use tokio::sync::OnceCell;

use crate::engine::Engine;
use crate::error::QueryError;
use crate::shared::SharedView;
use crate::sql_type::sql_type;
use crate::table_functions::SqlFunction;

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
        comment(self.sql).any(|line| line.trim() == "shared")
    }

    /// The first sentence of the comment at the top of the file.
    pub fn doc(&self) -> String {
        let lines = comment(self.sql).map(str::trim).take_while(|line| !line.is_empty());
        let text = lines.collect::<Vec<_>>().join(" ");
        match text.split_once(". ") {
            Some((first, _)) => format!("{first}."),
            None => text,
        }
    }
}

/// The lines of the comment at the top of a file.
fn comment(sql: &str) -> impl Iterator<Item = &str> {
    sql.lines().map_while(|line| line.strip_prefix("--"))
}

/// The comment at the top of a file in Markdown: what is indented is a list.
pub(crate) fn comment_page(sql: &str) -> String {
    let mut page = String::new();
    for line in comment(sql).filter(|line| line.trim() != "shared") {
        let text = line.trim();
        let indent = line.len() - line.trim_start().len();
        match indent {
            // What is indented further goes on.
            3 => page.push_str("- "),
            4.. => page.push_str("  "),
            // A list ends with an empty line.
            _ if page.lines().last().is_some_and(|last| last.starts_with([' ', '-'])) => {
                page.push('\n');
            }
            _ => {}
        }
        page.push_str(text);
        page.push('\n');
    }
    // Where a line was left out there are two empty ones.
    let page = page.replace("\n\n\n", "\n\n");
    page.trim_end().to_owned()
}

/// The columns of a table as a table in Markdown.
pub(crate) fn columns_page(schema: &Schema) -> String {
    let mut page = "| column | type |\n| --- | --- |\n".to_owned();
    for field in schema.fields() {
        page.push_str(&format!("| `{}` | {} |\n", field.name(), sql_type(field.data_type())));
    }
    page
}

impl Engine {
    /// The views as a page in Markdown: what their files say, and their columns.
    ///
    /// # Errors
    ///
    /// [`QueryError::DataFusion`] of the first view that cannot be planned.
    pub async fn views_reference(&self) -> Result<String, QueryError> {
        let mut page =
            "# Views\n\nA time is `TIMESTAMP(3) WITH TIME ZONE`, in UTC. The unit of a number \
                        is in its name. Sizes are in bytes where there is none.\n"
                .to_owned();
        for view in View::all() {
            let columns = self.columns(view.name).await?;
            let said = comment_page(view.sql);
            let columns = columns_page(&columns);
            page.push_str(&format!("\n## {}\n\n{said}\n\n{columns}", view.name));
        }
        Ok(page)
    }
}

/// The schema of the views. A view is planned when somebody first asks for it: there are many, and a
/// question is about few.
pub(crate) struct Views {
    /// The state of the context that has this schema, while there is one.
    state: Box<dyn Fn() -> Option<SessionState> + Send + Sync>,
    /// By name. Views do not read each other in a circle, or planning one would wait for itself.
    views: BTreeMap<&'static str, (View, OnceCell<Planned>)>,
    /// What is called as a table is asked for as one, too.
    functions: Vec<Arc<SqlFunction>>,
}

type Planned = Arc<dyn TableProvider>;

impl Views {
    /// The schema of all views, for `context`, and what plans `functions` before they are called.
    pub(crate) fn new(context: &SessionContext, functions: Vec<Arc<SqlFunction>>) -> Self {
        let views = View::all().into_iter().map(|view| (view.name, (view, OnceCell::new())));
        // The context has the schema: it must not have the context.
        let state = context.state_weak_ref();
        let state = move || Some(state.upgrade()?.read().clone());
        Self { state: Box::new(state), views: views.collect(), functions }
    }

    fn state(&self) -> Result<SessionState> {
        (self.state)().ok_or_else(|| internal_datafusion_err!("the engine is gone"))
    }

    async fn plan(&self, view: View) -> Result<Planned> {
        let state = self.state()?;
        let plan = state.create_logical_plan(view.sql).await?;
        if view.is_shared() {
            return Ok(Arc::new(SharedView::new(view.name, plan)?));
        }
        Ok(DataFrame::new(state, plan).into_view())
    }
}

impl fmt::Debug for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.views.keys()).finish()
    }
}

#[async_trait]
impl SchemaProvider for Views {
    fn table_names(&self) -> Vec<String> {
        self.views.keys().map(|name| (*name).to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(function) = self.functions.iter().find(|function| function.name == name) {
            function.plan(&self.state()?).await?;
            return Ok(None);
        }
        let Some((view, planned)) = self.views.get(name) else { return Ok(None) };
        let planned = planned.get_or_try_init(|| self.plan(*view)).await;
        planned
            .map(|view| Some(Arc::clone(view)))
            .map_err(|error| error.context(format!("view {name}")))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.views.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_pages() {
        let sql = "-- A row is a thing. It is\n-- small:\n--   one: the first,\n--     which is least\n\
                   --   two: the other\n-- And so on.\n--\n-- shared\n--\n-- More.\nSELECT 1 -- one";
        let page = "A row is a thing. It is\nsmall:\n- one: the first,\n  which is least\n\
                    - two: the other\n\nAnd so on.\n\nMore.";
        assert_eq!(comment_page(sql), page);
        let view = View { name: "things", sql };
        assert_eq!((view.doc().as_str(), view.is_shared()), ("A row is a thing.", true));
    }
}
