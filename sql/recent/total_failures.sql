-- A row is how many failures of a kind all applications of a name have for a class of causes.
SELECT
    totals.cluster_name AS cluster,
    totals.namespace,
    totals.app_name,
    failures.kind,
    failures.cause_class,
    sum(failures.failures) AS failures
FROM live.application_failures AS failures
JOIN live.application_totals AS totals
    ON totals.app_id = failures.app_id AND totals.attempt_id = failures.attempt_id
GROUP BY
    totals.cluster_name, totals.namespace, totals.app_name, failures.kind, failures.cause_class
