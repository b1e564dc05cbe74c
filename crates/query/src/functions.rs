//! SQL functions that DataFusion does not have: those that the views need, and numbers for people.

mod byte_string;
mod critical_path;
mod failure_class;
mod histogram_quantile;
mod metric_text;
mod readable;
mod signature;
mod sorted_values;
mod stack_fingerprint;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{AggregateUDF, Documentation, ScalarUDF, TypeSignature};
use datafusion::prelude::SessionContext;

use crate::engine::Engine;
use crate::error::QueryError;
use crate::sql_type::sql_type;
use crate::views::{columns_page, comment_page};

/// Registers every function.
pub(crate) fn register(context: &SessionContext) {
    for function in scalars() {
        context.register_udf(function);
    }
    for function in aggregates() {
        context.register_udaf(function);
    }
}

fn scalars() -> Vec<ScalarUDF> {
    let mut functions =
        vec![byte_string::function(), failure_class::function(), metric_text::function()];
    functions.extend(readable::functions());
    functions.extend(stack_fingerprint::functions());
    functions
}

fn aggregates() -> Vec<AggregateUDF> {
    let mut functions = vec![histogram_quantile::function()];
    functions.extend(sorted_values::functions());
    functions.extend(critical_path::functions());
    functions
}

impl Engine {
    /// The functions as a page in Markdown.
    ///
    /// # Errors
    ///
    /// [`QueryError::DataFusion`] of the first table function that cannot be planned.
    pub async fn functions_reference(&self) -> Result<String, QueryError> {
        let mut page = "# Functions\n\nBesides those of DataFusion, SQL has these functions. \
                        `SHOW FUNCTIONS LIKE 'NAME'` tells of them, too, but for those that give rows.\n"
            .to_owned();
        for section in sections() {
            page.push_str(&format!("\n{section}"));
        }
        page.push_str("\n# Functions that give rows\n");
        for function in &self.table_functions {
            let columns = columns_page(&*self.columns_of(function).await?);
            let said = comment_page(function.sql);
            page.push_str(&format!("\n## {}\n\n{said}\n\n{columns}", function.call()));
        }
        Ok(page)
    }
}

/// What the page has of each function that gives a value.
fn sections() -> Vec<String> {
    let mut sections: Vec<_> = scalars().iter().filter_map(scalar_section).collect();
    sections.extend(aggregates().iter().filter_map(aggregate_section));
    sections.sort();
    sections
}

fn scalar_section(function: &ScalarUDF) -> Option<String> {
    let TypeSignature::Exact(types) = &function.signature().type_signature else { return None };
    let returns = sql_type(&function.return_type(types).ok()?);
    Some(section(function.documentation()?, types, &returns))
}

fn aggregate_section(function: &AggregateUDF) -> Option<String> {
    let TypeSignature::Exact(types) = &function.signature().type_signature else { return None };
    let returns = sql_type(&function.return_type(types).ok()?);
    Some(section(function.documentation()?, types, &format!("{returns}, of the rows of a group")))
}

fn section(documentation: &Documentation, types: &[DataType], returns: &str) -> String {
    let arguments = documentation.arguments.iter().flatten().zip(types);
    let arguments = arguments
        .map(|((name, about), data_type)| format!("- `{name}` {}: {about}\n", sql_type(data_type)));
    format!(
        "## {}\n\n{}\n\n{}- gives {returns}\n\n```sql\n{}\n```\n",
        documentation.syntax_example,
        documentation.description,
        arguments.collect::<String>(),
        documentation.sql_example.as_deref().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_documented() {
        let (scalars, aggregates) = (scalars(), aggregates());
        let names = scalars.iter().map(ScalarUDF::name);
        let page = sections().concat();
        for name in names.chain(aggregates.iter().map(AggregateUDF::name)) {
            assert!(page.contains(&format!("## {name}(")), "{name} is not on the page");
        }
        assert!(!page.contains("```sql\n\n"), "a function has no example");
    }
}
