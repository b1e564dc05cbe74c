//! SQL functions that the views need and that DataFusion does not have.

mod critical_path;
mod failure_class;
mod metric_text;
mod sorted_values;
mod stack_fingerprint;

use datafusion::prelude::SessionContext;

/// Registers every function.
pub(crate) fn register(context: &SessionContext) {
    for function in metric_text::functions().into_iter().chain(stack_fingerprint::functions()) {
        context.register_udf(function);
    }
    context.register_udf(failure_class::function());
    for function in sorted_values::functions().into_iter().chain(critical_path::functions()) {
        context.register_udaf(function);
    }
}
