-- A row is an application attempt that had an event within the window.
SELECT * FROM applications WHERE last_event_time >= now() - $window
