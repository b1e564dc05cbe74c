//! The views of `sql/views/`, one file each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::internal_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::prelude::{DataFrame, SessionContext};
use include_dir::{Dir, include_dir};
use tokio::sync::OnceCell;

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

/// The schema of the views. A view is planned when somebody first asks for it: there are many, and a
/// question is about few.
pub(crate) struct Views {
    /// The state of the context that has this schema, while there is one.
    state: Box<dyn Fn() -> Option<SessionState> + Send + Sync>,
    /// By name. Views do not read each other in a circle, or planning one would wait for itself.
    views: BTreeMap<&'static str, (View, OnceCell<Planned>)>,
}

type Planned = Arc<dyn TableProvider>;

impl Views {
    /// The schema of all views, for `context`.
    pub(crate) fn new(context: &SessionContext) -> Self {
        let views = View::all().into_iter().map(|view| (view.name, (view, OnceCell::new())));
        // The context has the schema: it must not have the context.
        let state = context.state_weak_ref();
        let state = move || Some(state.upgrade()?.read().clone());
        Self { state: Box::new(state), views: views.collect() }
    }

    async fn plan(&self, view: View) -> Result<Planned> {
        let state = (self.state)().ok_or_else(|| internal_datafusion_err!("the engine is gone"))?;
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
