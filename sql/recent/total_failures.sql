-- A row is how many failures of a kind all applications of a name have for a class of causes.
WITH told AS (
    SELECT
        cluster_name,
        namespace,
        app_name,
        unnest(string_to_array(failures, ',')) AS failure
    FROM live.application_totals
    WHERE failures IS NOT NULL AND app_name IS NOT NULL
)
SELECT
    cluster_name AS cluster,
    namespace,
    app_name,
    split_part(failure, ':', 1) AS kind,
    split_part(failure, ':', 2) AS cause_class,
    sum(CAST(split_part(failure, ':', 3) AS BIGINT)) AS failures
FROM told
GROUP BY
    cluster_name, namespace, app_name, split_part(failure, ':', 1), split_part(failure, ':', 2)
