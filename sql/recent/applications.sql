-- A row is an attempt of such an application that had an event within the window.
SELECT *
FROM applications
WHERE array_has($app_ids, app_id) AND last_event_time >= now() - $window
