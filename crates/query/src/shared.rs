//! Views that several others read: their rows are computed once in a question.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use datafusion::datasource::TableType;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown,
};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
    execute_stream_partitioned,
};
use datafusion::prelude::{col, lit};
use futures::future::{self, BoxFuture, try_join_all};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::sync::OnceCell;

use crate::app_ids::{app_ids, wanted_app_ids};

/// What a question has of shared views: an extension of its session's configuration.
#[derive(Default)]
pub(crate) struct Shared(Mutex<HashMap<Part, Arc<OnceCell<Arc<Rows>>>>>);

/// The rows of a view for some applications, or for all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Part {
    view: &'static str,
    app_ids: Option<Vec<String>>,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.view)?;
        match &self.app_ids {
            Some(ids) => write!(f, ", app_id in [{}]", ids.join(", ")),
            None => Ok(()),
        }
    }
}

/// A view of which a question has the rows computed once for every place that reads it.
///
/// Only the wish for certain applications reaches below it, so that those who read it for the same
/// applications find the same rows, whatever else each of them asks.
#[derive(Debug)]
pub(crate) struct SharedView {
    name: &'static str,
    plan: LogicalPlan,
    schema: SchemaRef,
}

impl SharedView {
    pub(crate) fn new(name: &'static str, plan: LogicalPlan) -> Result<Self> {
        let plan = LogicalPlanBuilder::from(plan).alias(name)?.build()?;
        // The optimizer may find out that a column has a NULL, or that it has none: what is told
        // beforehand has to hold either way.
        let fields = plan.schema().fields().iter();
        let fields = fields.map(|field| Field::new(field.name(), field.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Self { name, plan, schema })
    }

    async fn rows(&self, state: &dyn Session, app_ids: Option<&[String]>) -> Result<Arc<Rows>> {
        let mut plan = LogicalPlanBuilder::from(self.plan.clone());
        if let Some(ids) = app_ids {
            let ids = ids.iter().map(lit).collect();
            plan = plan.filter(col("app_id").in_list(ids, false))?;
        }
        let plan = state.create_physical_plan(&plan.build()?).await?;
        Ok(Arc::new(Rows { plan, kept: OnceLock::new() }))
    }
}

#[async_trait]
impl TableProvider for SharedView {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let pushed = filters.iter().map(|filter| match app_ids(filter) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Unsupported,
        });
        Ok(pushed.collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let shared = state.config().get_extension::<Shared>().unwrap_or_default();
        let part = Part { view: self.name, app_ids: wanted_app_ids(filters) };
        let cell = {
            let mut parts = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(parts.entry(part.clone()).or_default())
        };
        let rows = cell.get_or_try_init(|| self.rows(state, part.app_ids.as_deref())).await?;
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => self.schema(),
        };
        Ok(Arc::new(SharedExec::new(part, Arc::clone(rows), projection.cloned(), schema)))
    }
}

/// The rows of a part of a view: its plan, and what comes of it once it is asked.
#[derive(Debug)]
struct Rows {
    plan: Arc<dyn ExecutionPlan>,
    kept: OnceLock<Computation>,
}

/// A plan runs once: its outcome, an error too, is that of all who ask. It runs by itself, so that
/// it goes on when the first who asked has enough; when nobody has it any more, it ends.
type Computation = future::Shared<BoxFuture<'static, Result<Arc<Kept>, Arc<DataFusionError>>>>;

#[derive(Debug)]
struct Kept {
    partitions: Vec<Vec<RecordBatch>>,
    /// Gives the memory back when the last reader is gone.
    _reservation: Arc<MemoryReservation>,
}

impl Rows {
    async fn partition(
        &self,
        number: usize,
        context: Arc<TaskContext>,
    ) -> Result<Vec<RecordBatch>> {
        let computation = self.kept.get_or_init(|| {
            let computed = SpawnedTask::spawn(compute(Arc::clone(&self.plan), apart(&context)));
            let outcome = computed.join_unwind().map(|outcome| match outcome {
                Ok(kept) => kept.map(Arc::new).map_err(Arc::new),
                Err(error) => Err(Arc::new(DataFusionError::External(error.into()))),
            });
            outcome.boxed().shared()
        });
        let kept = computation.clone().await.map_err(DataFusionError::Shared)?;
        Ok(kept.partitions[number].clone())
    }
}

/// The context of a computation by itself. With the question's shared views it would have what it
/// computes, and that would stay when nobody has it any more.
fn apart(context: &TaskContext) -> Arc<TaskContext> {
    let config = context.session_config().clone().with_extension(Arc::<Shared>::default());
    Arc::new(TaskContext::new(
        context.task_id(),
        context.session_id(),
        config,
        context.scalar_functions().clone(),
        context.higher_order_functions().clone(),
        context.aggregate_functions().clone(),
        context.window_functions().clone(),
        context.runtime_env(),
    ))
}

async fn compute(plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<Kept> {
    let consumer = MemoryConsumer::new("shared view");
    let reservation = Arc::new(consumer.register(context.memory_pool()));
    let streams = execute_stream_partitioned(plan, context)?;
    let partitions = streams.into_iter().map(|mut rows| {
        let reservation = Arc::clone(&reservation);
        SpawnedTask::spawn(async move {
            let mut kept = Vec::new();
            // Batches may be parts of one.
            let mut memory = RecordBatchMemoryCounter::new();
            while let Some(batch) = rows.try_next().await? {
                reservation.try_grow(memory.count_batch(&batch))?;
                kept.push(batch);
            }
            Ok::<_, DataFusionError>(kept)
        })
    });
    let partitions = try_join_all(partitions.map(async |partition| {
        partition.join_unwind().await.map_err(|e| DataFusionError::External(e.into()))?
    }))
    .await?;
    Ok(Kept { partitions, _reservation: reservation })
}

/// Gives the rows of a part of a view, which the first that asks has computed.
#[derive(Debug)]
struct SharedExec {
    part: Part,
    rows: Arc<Rows>,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
}

impl SharedExec {
    fn new(part: Part, rows: Arc<Rows>, projection: Option<Vec<usize>>, schema: SchemaRef) -> Self {
        let partitions = rows.plan.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { part, rows, projection, properties: Arc::new(properties) }
    }
}

impl DisplayAs for SharedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedExec: {}", self.part)
    }
}

impl ExecutionPlan for SharedExec {
    fn name(&self) -> &'static str {
        "SharedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    /// None: the plan below is planned already, and belongs to all who read it.
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = Arc::clone(&self.rows);
        let batches = async move { rows.partition(partition, context).await };
        let (projection, schema) = (self.projection.clone(), self.schema());
        let stream = stream::once(batches)
            .map_ok(|batches| stream::iter(batches.into_iter().map(Ok)))
            .try_flatten()
            .map(move |batch: Result<RecordBatch>| {
                let batch = match &projection {
                    Some(columns) => batch?.project(columns)?,
                    None => batch?,
                };
                let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let (_, columns, _) = batch.into_parts();
                Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &rows)?)
            });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream)))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;
    use crate::engine::{collect, plan};

    #[tokio::test]
    async fn who_reads_a_view_for_the_same_applications_finds_the_same_rows() {
        let context = SessionContext::new();
        let facts = "SELECT column1 AS app_id, column2 AS stage_id,
                         coalesce(column2 = 1, false) AS is_first
                     FROM (VALUES ('a', 1), ('a', 2), ('b', 3))";
        let facts = context.sql(facts).await.expect("a plan").into_unoptimized_plan();
        let view = SharedView::new("stages", facts).expect("a view");
        context.register_table("stages", Arc::new(view)).expect("no other view");
        let shared = Arc::new(Shared::default());
        let rows = async |sql: &str| -> usize {
            let plan = plan(&context, &shared, sql).await.expect("a plan");
            let answer = collect(plan).await.expect("an answer");
            answer.batches.iter().map(RecordBatch::num_rows).sum()
        };
        let parts = || {
            let parts = shared.0.lock().expect("nobody panicked");
            let mut parts: Vec<_> = parts.keys().map(Part::to_string).collect();
            parts.sort();
            parts
        };

        let both = "SELECT * FROM stages AS one JOIN stages AS other
                    ON other.app_id = one.app_id AND other.stage_id > one.stage_id";
        assert_eq!(rows(&format!("{both} WHERE one.app_id = 'a'")).await, 1);
        assert_eq!(parts(), ["stages, app_id in [a]"]);
        assert_eq!(rows("SELECT stage_id FROM stages WHERE app_id IN ('b', 'a')").await, 3);
        assert_eq!(rows("SELECT * FROM stages WHERE stage_id > 2").await, 1);
        // Its plan says that there is no NULL.
        assert_eq!(rows("SELECT is_first, count(*) FROM stages GROUP BY is_first").await, 2);
        assert_eq!(parts(), ["stages", "stages, app_id in [a, b]", "stages, app_id in [a]"]);

        let pool = Arc::clone(&context.runtime_env().memory_pool);
        assert!(pool.reserved() > 0);
        drop(shared);
        assert_eq!(pool.reserved(), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_nobody_waits_for_is_given_back() {
        let context = SessionContext::new();
        let register = async |name: &'static str, sql: &str| {
            let plan = context.sql(sql).await.expect("a plan").into_unoptimized_plan();
            let view = SharedView::new(name, plan).expect("a view");
            context.register_table(name, Arc::new(view)).expect("no other view");
        };
        register("slow", "SELECT 'a' AS app_id, value FROM range(1000000000000)").await;
        register("outer", "SELECT app_id, max(value) AS value FROM slow GROUP BY app_id").await;
        let shared = Arc::new(Shared::default());
        let question = plan(&context, &shared, "SELECT * FROM outer").await.expect("a plan");
        let answer = tokio::spawn(collect(question));
        let pool = Arc::clone(&context.runtime_env().memory_pool);
        while pool.reserved() == 0 {
            tokio::task::yield_now().await;
        }
        // What it has begun knows of the shared views, and must not keep them.
        answer.abort();
        let _ = answer.await;
        let parts = Arc::downgrade(&shared);
        drop(shared);
        let gone = async {
            while parts.strong_count() > 0 || pool.reserved() > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        // It would take hours to its end.
        let gone = tokio::time::timeout(std::time::Duration::from_secs(10), gone).await;
        gone.expect("the views and their memory are gone with the question");
    }

    #[tokio::test]
    async fn an_error_is_that_of_everyone_and_enough_for_one_is_not_the_end() {
        let config = SessionConfig::new().with_target_partitions(4).with_batch_size(2);
        let context = SessionContext::new_with_config(config);
        let facts = "SELECT column1 AS app_id, sum(10 / column2) AS value
                     FROM (VALUES ('a', 1), ('b', 2), ('c', 5), ('d', 10)) GROUP BY column1";
        for (name, facts) in [("good", facts), ("bad", &facts.replace("10)", "0)"))] {
            let facts = context.sql(facts).await.expect("a plan").into_unoptimized_plan();
            let view = SharedView::new(name, facts).expect("a view");
            context.register_table(name, Arc::new(view)).expect("no other view");
        }
        let shared = Arc::new(Shared::default());
        let ask =
            async |sql: &str| collect(plan(&context, &shared, sql).await.expect("a plan")).await;
        for _ in 0..2 {
            let both = "SELECT count(*) FROM bad AS one JOIN bad AS other USING (app_id)";
            let error = ask(both).await.expect_err("somebody divides by zero");
            assert!(error.to_string().contains("Divide by zero"), "{error}");
        }

        let mut first = plan(&context, &shared, "SELECT * FROM good").await.expect("a plan");
        first = first.limit(0, Some(1)).expect("a plan");
        let mut some = first.execute_stream().await.expect("rows");
        assert!(some.try_next().await.expect("a row").is_some());
        drop(some);
        let all = ask("SELECT * FROM good").await.expect("all rows");
        assert_eq!(all.batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 4);
    }
}
