-- A row is a bound of the histograms of durations: from 0.1 s to about a day, two for each factor of
-- ten.
SELECT bound, le_s, 1000 * le_s AS le_ms
FROM (
    VALUES
        (1, 0.1),
        (2, 0.3),
        (3, 1.0),
        (4, 3.0),
        (5, 10.0),
        (6, 30.0),
        (7, 100.0),
        (8, 300.0),
        (9, 1000.0),
        (10, 3000.0),
        (11, 10000.0),
        (12, 30000.0),
        (13, 100000.0),
        (14, CAST('Infinity' AS DOUBLE))
) AS bounds (bound, le_s)
