-- A row is a rule of `findings`, which this is part of, with the levels that hold: those of
-- `thresholds`.
--
-- shared
SELECT
    rules.rule,
    rules.is_below,
    max(given.value) FILTER (WHERE given.name = concat(rules.rule, '_low')) AS low,
    max(given.value) FILTER (WHERE given.name = concat(rules.rule, '_moderate')) AS moderate,
    max(given.value) FILTER (WHERE given.name = concat(rules.rule, '_severe')) AS severe,
    max(given.value) FILTER (WHERE given.name = concat(rules.rule, '_critical')) AS critical
FROM findings_rules AS rules
JOIN thresholds AS given
    ON regexp_replace(given.name, '_[a-z]+$', '') = rules.rule
GROUP BY rules.rule, rules.is_below
