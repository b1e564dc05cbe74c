"""Which labels the answer of a PromQL expression has, from those of the families that it asks for."""

import promql_parser as promql


class Unknown(Exception):
    """A family or a label that nobody exports, or vectors that cannot match."""


def labels(expr, families):
    """The labels of a vector; None of a scalar. Raises Unknown for what there is not."""
    kind = type(expr).__name__
    return _KINDS[kind](expr, families)


def _selector(expr, families):
    if expr.name not in families:
        raise Unknown(f"no family {expr.name}")
    there = families[expr.name]
    asked = {matcher.name for matcher in expr.matchers.matchers} - {"__name__"}
    _need(asked, there, expr.name)
    return there


def _aggregate(expr, families):
    inner = labels(expr.expr, families)
    if str(expr.op) in ("topk", "bottomk"):
        return inner
    if expr.modifier is None:
        return set()
    named = set(expr.modifier.labels)
    _need(named, inner, expr.prettify())
    by = expr.modifier.type == promql.AggModifierType.By
    return named if by else inner - named


def _call(expr, families):
    given = [labels(argument, families) for argument in expr.args]
    name = expr.func.name
    if name in ("time", "scalar"):
        return None
    if name in ("vector", "absent"):
        return set()
    vector = next(answer for answer in given if answer is not None)
    if name == "histogram_quantile":
        _need({"le"}, vector, expr.prettify())
        return vector - {"le"}
    return vector


def _binary(expr, families):
    left, right = labels(expr.lhs, families), labels(expr.rhs, families)
    if left is None or right is None:
        return right if left is None else left
    operator = str(expr.op)
    if operator == "or":
        return left | right
    matching = expr.modifier and expr.modifier.matching
    if not matching:
        # The labels of a target may be on one side alone: then nothing would match either.
        if left != right:
            raise Unknown(f"{sorted(left ^ right)} are on one side only of {operator}: {expr.prettify()}")
        return left
    on = set(matching.labels)
    _need(on, left, expr.prettify())
    _need(on, right, expr.prettify())
    if operator in ("and", "unless") or "ManyToOne" in str(expr.modifier.card):
        return left
    return on


def _need(named, there, where):
    if missing := named - there:
        raise Unknown(f"no label {sorted(missing)} in {where}")


def _inner(expr, families):
    return labels(expr.expr, families)


_KINDS = {
    "VectorSelector": _selector,
    "MatrixSelector": lambda expr, families: _selector(expr.vector_selector, families),
    "AggregateExpr": _aggregate,
    "Call": _call,
    "BinaryExpr": _binary,
    "ParenExpr": _inner,
    "UnaryExpr": _inner,
    "SubqueryExpr": _inner,
    "NumberLiteral": lambda expr, families: None,
    "StringLiteral": lambda expr, families: None,
}
