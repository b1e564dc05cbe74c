-- A row is an application that had an event within the window: `$app_ids` in all that comes after.
SELECT DISTINCT app_id FROM attempts WHERE last_event_time >= now() - $window
