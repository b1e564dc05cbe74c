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
    ids.dedup();
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

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    #[test]
    fn filters_leave_applications_or_do_not_tell() {
        let id = || col("app_id");
        let list = |ids: &[&str]| id().in_list(ids.iter().map(|id| lit(*id)).collect(), false);
        let wanted = |filters: &[Expr]| wanted_app_ids(filters).map(|ids| ids.join(" "));
        for (filters, ids) in [
            (vec![id().eq(lit("a"))], Some("a")),
            (vec![lit("a").eq(id())], Some("a")),
            (vec![list(&["c", "a", "b", "a"])], Some("a b c")),
            (vec![id().eq(lit("b")).or(id().eq(lit("a")))], Some("a b")),
            (vec![list(&["a", "b"]), list(&["b", "c"]), col("stage_id").eq(lit(1))], Some("b")),
            (vec![id().eq(lit("a")), id().eq(lit("b"))], Some("")),
            (vec![id().eq(lit("a")).or(col("stage_id").eq(lit(1)))], None),
            (vec![id().in_list(vec![lit("a")], true)], None),
            (vec![id().eq(lit(ScalarValue::Utf8(None)))], None),
            (vec![id().not_eq(lit("a"))], None),
            (vec![], None),
        ] {
            assert_eq!(wanted(&filters).as_deref(), ids, "{filters:?}");
        }
    }
}
