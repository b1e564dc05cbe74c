-- A row is an entry of an application attempt's environment.
-- Spark: AppStatusListener.onEnvironmentUpdate; OneApplicationResource.getEnvironmentInfo redacts.
WITH entries AS (
    SELECT
        app_id,
        attempt_id,
        section,
        name,
        value,
        -- An update replaces the whole environment: rank 1 is every entry of the last event.
        rank() OVER (PARTITION BY app_id, attempt_id ORDER BY segment DESC, line DESC) AS age
    FROM lake.environment_entries
)
SELECT
    app_id,
    NULLIF(attempt_id, '') AS attempt_id,
    CASE section
        WHEN 'JVM Information' THEN 'runtime'
        WHEN 'Spark Properties' THEN 'spark_properties'
        WHEN 'Hadoop Properties' THEN 'hadoop_properties'
        WHEN 'System Properties' THEN 'system_properties'
        WHEN 'Metrics Properties' THEN 'metrics_properties'
        WHEN 'Classpath Entries' THEN 'classpath_entries'
    END AS section,
    CASE
        WHEN section = 'JVM Information' THEN lower(replace(name, ' ', '_'))
        ELSE name
    END AS name,
    -- Utils.redact with the default of spark.redaction.regex: a match in the name or in the value
    -- hides the value. Runtime and class path are shown as they are.
    CASE
        WHEN section NOT IN ('JVM Information', 'Classpath Entries')
            AND (name ~* 'secret|password|token|access[.]?key'
                OR value ~* 'secret|password|token|access[.]?key')
            THEN '*********(redacted)'
        ELSE value
    END AS value
FROM entries
WHERE age = 1
    AND (section <> 'JVM Information' OR name IN ('Java Version', 'Java Home', 'Scala Version'))
