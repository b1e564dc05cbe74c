//! SQL functions that the views need and that DataFusion does not have.

mod metric_text;
mod sorted_values;

use datafusion::prelude::SessionContext;

/// Registers every function.
pub(crate) fn register(context: &SessionContext) {
    for function in metric_text::functions() {
        context.register_udf(function);
    }
    for function in sorted_values::functions() {
        context.register_udaf(function);
    }
}
