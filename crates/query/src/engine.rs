//! DataFusion over one lake.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider,
};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::{ObjectStoreRegistry, ObjectStoreUrl};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{DataFrame, SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::DFParser;
use object_store::ObjectStore;
use stagelight_lake::{Lake, Ledger, Snapshot};
use stagelight_tables::{SOURCES, Table};
use url::Url;

use crate::error::QueryError;
use crate::functions;
use crate::kept_parts::KeptParts;
use crate::known::{Known, Thresholds};
use crate::shared::Shared;
use crate::table::LakeTable;
use crate::table_functions::{Registered, SqlFunction};
use crate::views::Views;

const CATALOG: &str = "stagelight";
const PUBLIC: &str = "public";
const LAKE_SCHEMA: &str = "lake";
const KNOWN_SCHEMA: &str = "known";
const STORE: &str = "stagelight://lake";
/// One part of so many of the memory is for files of a bucket.
const FOR_FILES: usize = 8;

/// How much a question may take.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of memory for all questions together; sorts and aggregations that need more spill to
    /// disk, joins that do fail.
    pub memory_bytes: usize,
    /// What the view `thresholds` has instead of its defaults.
    pub thresholds: Thresholds,
}

impl Settings {
    /// Checks what can be checked without a lake: whether the thresholds are such.
    ///
    /// # Errors
    ///
    /// [`QueryError::Threshold`] and [`QueryError::ThresholdUnit`].
    pub async fn check(&self) -> Result<(), QueryError> {
        if self.thresholds.is_empty() {
            return Ok(());
        }
        let known = Known::new(&Ledger::default(), &self.thresholds)?;
        let config = session_config();
        let context = new_context(config, Arc::new(RuntimeEnv::default()));
        register_catalog(&context, MemorySchemaProvider::new(), &known, &[])?;
        let question = plan(&context, &Arc::default(), Thresholds::ALL).await?;
        self.thresholds.check(&collect(question).await?)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { memory_bytes: 2 << 30, thresholds: Thresholds::default() }
    }
}

/// The rows that answer a question, batch by batch.
pub type AnswerStream = SendableRecordBatchStream;

/// Takes a text of several statements apart.
///
/// # Errors
///
/// [`QueryError::DataFusion`] with the parser's message.
pub fn statements(text: &str) -> Result<Vec<String>, QueryError> {
    let parsed = DFParser::parse_sql(text)?;
    Ok(parsed.iter().map(ToString::to_string).collect())
}

/// The rows that answer a question.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The columns, also where there are no rows.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
}

/// Answers questions about one lake.
pub struct Engine {
    lake: Arc<Lake>,
    context: SessionContext,
    tables: BTreeMap<&'static str, Arc<LakeTable>>,
    known: Known,
    pub(crate) table_functions: Vec<Arc<SqlFunction>>,
    memory_bytes: usize,
}

impl Engine {
    /// An engine over what `lake` has now.
    ///
    /// # Errors
    ///
    /// [`QueryError::Lake`] where the lake cannot be read, and those of [`Settings::check`].
    pub async fn new(lake: Arc<Lake>, settings: &Settings) -> Result<Self, QueryError> {
        settings.check().await?;
        let store = ObjectStoreUrl::parse(STORE)?;
        let (files, room) = files(&lake, settings.memory_bytes);
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(settings.memory_bytes - room)))
            .with_object_store_registry(Arc::new(OnlyTheLake(files)))
            .build_arc()?;
        let context = new_context(session_config(), runtime);

        let contents = lake.contents().await?;
        let known = Known::new(&contents.ledger, &settings.thresholds)?;
        let facts = MemorySchemaProvider::new();
        let mut tables = BTreeMap::new();
        for snapshot in contents.tables {
            let name = snapshot.table.name;
            let provider = Arc::new(LakeTable::new(store.clone(), snapshot));
            facts.register_table(name.to_owned(), Arc::clone(&provider) as _)?;
            tables.insert(name, provider);
        }
        let table_functions = SqlFunction::all(&known.apps);
        register_catalog(&context, facts, &known, &table_functions)?;
        let memory_bytes = settings.memory_bytes - room;
        Ok(Self { lake, context, tables, known, table_functions, memory_bytes })
    }

    /// As [`Engine::refresh`], where the ledger has changed since then; else nothing that is shown has,
    /// and that costs next to nothing to know.
    ///
    /// Who asks in this way has to look at the whole lake now and then all the same: files that were
    /// merged into others are there for an hour at least ([`stagelight_lake::KEPT_AT_LEAST`]).
    ///
    /// # Errors
    ///
    /// As [`Engine::refresh`].
    pub async fn refresh_on_news(&self) -> Result<bool, QueryError> {
        let seen = self.tables[SOURCES.name].snapshot().version;
        if !self.lake.has_news(seen).await? {
            return Ok(false);
        }
        self.refresh().await
    }

    /// Looks at the lake's newest versions; `true` where something is new.
    ///
    /// # Errors
    ///
    /// [`QueryError::Lake`], also where the lake is gone or another is in its place.
    pub async fn refresh(&self) -> Result<bool, QueryError> {
        self.lake.check().await?;
        let contents = self.lake.contents().await?;
        let news = |new: &Snapshot| self.tables[new.table.name].snapshot().version != new.version;
        if !contents.tables.iter().any(news) {
            return Ok(false);
        }
        self.known.replace(&contents.ledger).await?;
        for snapshot in contents.tables {
            self.tables[snapshot.table.name].replace(snapshot);
        }
        Ok(true)
    }

    /// Answers `sql`, which may only read.
    ///
    /// # Errors
    ///
    /// [`QueryError::Table`], [`QueryError::ReadOnly`], or [`QueryError::DataFusion`] with the
    /// planner's message.
    pub async fn sql(&self, sql: &str) -> Result<Answer, QueryError> {
        collect(self.plan(sql).await?).await
    }

    /// As [`Engine::sql`], batch by batch.
    ///
    /// # Errors
    ///
    /// As [`Engine::sql`]; errors of the answer itself come with its batches.
    pub async fn stream(&self, sql: &str) -> Result<AnswerStream, QueryError> {
        Ok(self.plan(sql).await?.execute_stream().await?)
    }

    /// As [`Engine::sql`], not yet computed.
    pub(crate) async fn plan(&self, sql: &str) -> Result<DataFrame, QueryError> {
        plan(&self.context, &Arc::default(), sql).await
    }

    /// Makes `batches` all that a rollup of the lake has, if it is what was looked at last; `false` where
    /// it is not.
    pub(crate) async fn overwrite(
        &self,
        table: &'static Table,
        batches: &[RecordBatch],
    ) -> Result<bool, QueryError> {
        let version = self.tables[table.name].snapshot().version;
        Ok(self.lake.overwrite(table, version, batches).await?)
    }

    /// Bytes of memory that all questions together may take.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// The columns of a view.
    pub(crate) async fn columns(&self, view: &str) -> Result<SchemaRef, QueryError> {
        let table = self.context.table_provider(view).await?;
        Ok(table.schema())
    }

    /// The columns that a table function gives.
    pub(crate) async fn columns_of(&self, function: &SqlFunction) -> Result<SchemaRef, QueryError> {
        Ok(Arc::clone(function.plan(&self.context.state()).await?.schema().inner()))
    }

    /// A session that sees what this engine has, and other `schemas` beside that.
    pub(crate) fn session_with(
        &self,
        schemas: impl IntoIterator<Item = (&'static str, Arc<dyn SchemaProvider>)>,
    ) -> Result<SessionContext, QueryError> {
        let context = new_context(self.context.copied_config(), self.context.runtime_env());
        let catalog = MemoryCatalogProvider::new();
        if let Some(known) = self.context.catalog(CATALOG) {
            for name in known.schema_names() {
                if let Some(schema) = known.schema(&name) {
                    catalog.register_schema(&name, schema)?;
                }
            }
        }
        for (name, schema) in schemas {
            catalog.register_schema(name, schema)?;
        }
        context.register_catalog(CATALOG, Arc::new(catalog));
        register_functions(&context, &self.table_functions);
        Ok(context)
    }
}

/// The files of the lake, and how much of the memory is for parts of them: those of a folder are in the
/// system's memory already.
fn files(lake: &Lake, memory_bytes: usize) -> (Arc<dyn ObjectStore>, usize) {
    if lake.root().scheme() == "file" {
        return (lake.store(), 0);
    }
    let room = memory_bytes / FOR_FILES;
    (Arc::new(KeptParts::new(lake.store(), room)), room)
}

fn session_config() -> SessionConfig {
    SessionConfig::new()
        .with_information_schema(true)
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(CATALOG, PUBLIC)
}

/// Makes known to `context` all that questions are about.
fn register_catalog(
    context: &SessionContext,
    facts: MemorySchemaProvider,
    known: &Known,
    table_functions: &[Arc<SqlFunction>],
) -> Result<()> {
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(LAKE_SCHEMA, Arc::new(facts))?;
    catalog.register_schema(KNOWN_SCHEMA, known.schema()?)?;
    let views = Views::new(context, table_functions.to_vec());
    catalog.register_schema(PUBLIC, Arc::new(views))?;
    context.register_catalog(CATALOG, Arc::new(catalog));
    register_functions(context, table_functions);
    Ok(())
}

fn register_functions(context: &SessionContext, table_functions: &[Arc<SqlFunction>]) {
    functions::register(context);
    for function in table_functions {
        context.register_udtf(function.name, Arc::new(Registered(Arc::clone(function))));
    }
}

/// A context whose plans keep their filters where they are.
///
/// DataFusion has moved filters to the tables that they are of before it makes a physical plan. Then
/// it moves them once more, and tells columns apart by their names alone: of a join, both sides of
/// which have a column of the name, it takes the wrong one, and rows are lost. It does so with the
/// filters that joins and sorts find while they run, too.
fn new_context(config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionContext {
    let mut rules = PhysicalOptimizer::new().rules;
    rules.retain(|rule| rule.name() != "FilterPushdown");
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_physical_optimizer_rules(rules)
        .build();
    SessionContext::new_with_state(state)
}

/// Plans `sql`, which may only read. What shared views have in `shared` is not computed again.
pub(crate) async fn plan(
    context: &SessionContext,
    shared: &Arc<Shared>,
    sql: &str,
) -> Result<DataFrame, QueryError> {
    let read_only =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let mut state = context.state();
    state.config_mut().set_extension(Arc::clone(shared));
    let plan = match state.create_logical_plan(sql).await {
        Ok(plan) => plan,
        Err(error) => {
            let missing = missing_table(context, &error).or_else(|| missing_column(&error));
            return Err(missing.unwrap_or(error.into()));
        }
    };
    read_only.verify_plan(&plan).map_err(|_| QueryError::ReadOnly)?;
    Ok(DataFrame::new(state, plan))
}

/// So much alike, from 0 to 1, is a name that was meant for another.
const LIKENESS: f64 = 0.8;

/// What a planner's error says of a table that is not there, with the one that may have been meant.
fn missing_table(context: &SessionContext, error: &DataFusionError) -> Option<QueryError> {
    let DataFusionError::Plan(message) = error.find_root() else { return None };
    let name = message.strip_prefix("table '")?.strip_suffix("' not found")?;
    let name = name.strip_prefix(CATALOG)?.strip_prefix('.')?;
    let (schema, table) = name.split_once('.')?;
    if schema == PUBLIC && context.state().table_functions().contains_key(table) {
        return Some(QueryError::Function(table.to_owned()));
    }
    let shown = |table: &str| match schema {
        PUBLIC => table.to_owned(),
        _ => format!("{schema}.{table}"),
    };
    let mut names = context.catalog(CATALOG)?.schema(schema)?.table_names();
    names.sort_unstable();
    let like = alike(table, names.iter()).map(|name| shown(&name));
    Some(QueryError::Table { name: shown(table), like })
}

/// Which of `names` may have been meant with `name`.
pub(crate) fn alike<'a>(name: &str, names: impl Iterator<Item = &'a String>) -> Option<String> {
    let likeness = |known: &String| strsim::jaro_winkler(known, name);
    let like = names.max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(like) > LIKENESS).then(|| like.clone())
}

/// What it says of a column that is not there.
fn missing_column(error: &DataFusionError) -> Option<QueryError> {
    let message = error.strip_backtrace();
    let (said, _all_columns) = message.split_once("Valid fields are")?;
    let said = said.trim().trim_start_matches("Schema error: ").trim_end_matches(['.', '\n']);
    Some(QueryError::Column(said.to_owned()))
}

pub(crate) async fn collect(plan: DataFrame) -> Result<Answer, QueryError> {
    let schema = Arc::clone(plan.schema().inner());
    let batches = plan.collect().await?;
    let schema = batches.first().map_or(schema, RecordBatch::schema);
    Ok(Answer { schema, batches })
}

/// A registry that knows the lake's store and cannot learn another.
#[derive(Debug)]
struct OnlyTheLake(Arc<dyn ObjectStore>);

impl ObjectStoreRegistry for OnlyTheLake {
    fn register_store(
        &self,
        _url: &Url,
        _store: Arc<dyn ObjectStore>,
    ) -> Option<Arc<dyn ObjectStore>> {
        None
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        if url.as_str().trim_end_matches('/') == STORE {
            return Ok(Arc::clone(&self.0));
        }
        Err(DataFusionError::Plan(format!("{url} is not in the lake")))
    }
}
