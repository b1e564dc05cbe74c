-- A row is a task end that counts for its stage attempt: it came while the attempt was in its last
-- life (see stage_lives). `stages`, `stage_peak_metrics` and `killed_tasks` are made of this;
-- attempt_id is '' where Spark gives none.
-- Spark: AppStatusListener.onTaskEnd, liveStages.
SELECT tasks.*, lives.is_plain
FROM stage_lives AS lives
JOIN lake.task_ends AS tasks
    ON tasks.app_id = lives.app_id
    AND tasks.attempt_id = lives.attempt_id
    AND tasks.stage_id = lives.stage_id
    AND tasks.stage_attempt_id = lives.stage_attempt_id
WHERE lives.is_last
    AND lives.ran
    AND (lives.removed_at IS NULL
        OR tasks.segment * 100000000000 + tasks.line <= lives.removed_at)
