//! The applications that a question's filters leave.

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, Operator};
use datafusion::scalar::ScalarValue;

/// The application ids that all filters leave, in order; `None` where none asks for any.
pub(crate) fn wanted_app_ids(filters: &[Expr]) -> Option<Vec<String>> {
    let mut wanted = filters.iter().filter_map(app_ids);
    let mut ids = wanted.next()?;
    for other in wanted {
        ids.retain(|id| other.contains(id));
    }
    ids.sort_unstable();
    Some(ids)
}

/// The application ids that `filter` leaves. DataFusion makes a short list of them an OR.
pub(crate) fn app_ids(filter: &Expr) -> Option<Vec<String>> {
    match filter {
        Expr::BinaryExpr(either) if either.op == Operator::Or => {
            let mut ids = app_ids(&either.left)?;
            ids.extend(app_ids(&either.right)?);
            Some(ids)
        }
        Expr::BinaryExpr(equal) if equal.op == Operator::Eq => {
            match (equal.left.as_ref(), equal.right.as_ref()) {
                (Expr::Column(column), Expr::Literal(value, _))
                | (Expr::Literal(value, _), Expr::Column(column)) => {
                    is_app_id(column).then(|| text(value).map(|id| vec![id])).flatten()
                }
                _ => None,
            }
        }
        Expr::InList(list) if !list.negated => match list.expr.as_ref() {
            Expr::Column(column) if is_app_id(column) => list
                .list
                .iter()
                .map(|item| match item {
                    Expr::Literal(value, _) => text(value),
                    _ => None,
                })
                .collect(),
            _ => None,
        },
        _ => None,
    }
}

fn is_app_id(column: &Column) -> bool {
    column.name == "app_id"
}

fn text(value: &ScalarValue) -> Option<String> {
    value.try_as_str().flatten().map(str::to_owned)
}
