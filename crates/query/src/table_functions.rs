//! The table functions of `sql/functions/`, one file each.
//!
//! A file is a question about applications: each of its parameters (`$baseline`) is the id of one, and
//! the function takes them in the order in which the file has them.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{ParamValues, internal_datafusion_err, plan_datafusion_err, plan_err};
use datafusion::datasource::ViewTable;
use datafusion::error::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::scalar::ScalarValue;
use include_dir::{Dir, include_dir};
use stagelight_lake::{Ledger, Standing};
use tokio::sync::OnceCell;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sql/functions");

/// The ids of the applications that the lake has, in order.
#[derive(Debug, Default)]
pub(crate) struct KnownApps(RwLock<Vec<String>>);

impl KnownApps {
    /// Takes those of another state of the ledger.
    pub(crate) fn replace(&self, ledger: &Ledger) {
        let counted = ledger.segments().filter(|s| s.standing == Standing::Counted && s.events > 0);
        let mut ids: Vec<_> = counted.map(|segment| segment.identity.app_id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = ids;
    }

    fn has(&self, id: &str) -> bool {
        let ids = self.0.read().unwrap_or_else(PoisonError::into_inner);
        ids.binary_search_by(|known| known.as_str().cmp(id)).is_ok()
    }
}

/// A function that gives the rows of a question.
pub(crate) struct SqlFunction {
    /// Its name: the file's, without `.sql`.
    pub(crate) name: &'static str,
    /// The question.
    pub(crate) sql: &'static str,
    /// The names of its parameters.
    parameters: Vec<&'static str>,
    apps: Arc<KnownApps>,
    /// It is planned when somebody first asks for it, as views are.
    plan: OnceCell<LogicalPlan>,
}

impl SqlFunction {
    /// Every function, by name.
    pub(crate) fn all(apps: &Arc<KnownApps>) -> Vec<Arc<Self>> {
        let mut functions: Vec<_> = FILES
            .files()
            .filter_map(|file| {
                let name = file.path().file_name()?.to_str()?.strip_suffix(".sql")?;
                let sql = file.contents_utf8()?;
                let apps = Arc::clone(apps);
                let parameters = parameters(sql);
                Some(Arc::new(Self { name, sql, parameters, apps, plan: OnceCell::new() }))
            })
            .collect();
        functions.sort_by_key(|function| function.name);
        functions
    }

    /// How it is called.
    pub(crate) fn call(&self) -> String {
        format!("{}({})", self.name, self.parameters.join(", "))
    }

    /// Plans the question, which needs to wait for the views that it reads: a call must not.
    pub(crate) async fn plan(&self, state: &SessionState) -> Result<&LogicalPlan> {
        self.plan.get_or_try_init(|| state.create_logical_plan(self.sql)).await
    }

    /// The question about these applications.
    fn of(&self, ids: Vec<String>) -> Result<LogicalPlan> {
        if let Some(id) = ids.iter().find(|id| !self.apps.has(id)) {
            return plan_err!(
                "there is no application `{id}` in the lake; \
                 SELECT app_id, app_name FROM applications lists them"
            );
        }
        let plan = self.plan.get();
        let plan = plan.ok_or_else(|| internal_datafusion_err!("{} is not planned", self.name))?;
        let ids = ids.into_iter().map(ScalarValue::from);
        let given: Vec<_> = self.parameters.iter().copied().zip(ids).collect();
        plan.clone().with_param_values(ParamValues::from(given))
    }
}

/// The names behind `$` in a question, in order.
fn parameters(sql: &'static str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for line in sql.lines().filter(|line| !line.trim_start().starts_with("--")) {
        for rest in line.split('$').skip(1) {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let name = &rest[..end.unwrap_or(rest.len())];
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

impl fmt::Debug for SqlFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.call())
    }
}

/// What is registered with DataFusion.
#[derive(Debug)]
pub(crate) struct Registered(pub(crate) Arc<SqlFunction>);

impl TableFunctionImpl for Registered {
    fn call_with_args(&self, given: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let text = |argument: &Expr| match argument {
            Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
            _ => None,
        };
        let ids: Option<Vec<_>> = given.exprs().iter().map(text).collect();
        let ids = ids.filter(|ids| ids.len() == self.0.parameters.len()).ok_or_else(|| {
            plan_datafusion_err!(
                "{} takes the ids of {} applications, as texts; \
                 SELECT app_id, app_name FROM applications lists them",
                self.0.call(),
                self.0.parameters.len()
            )
        })?;
        Ok(Arc::new(ViewTable::new(self.0.of(ids)?, None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_in_their_order() {
        let sql = "-- $none\nSELECT $b, $a\nFROM t WHERE id IN ($a, $c_2)";
        assert_eq!(parameters(sql), ["b", "a", "c_2"]);
    }
}
