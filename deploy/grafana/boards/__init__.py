"""The dashboards, each in a file of its own."""

from . import application, executors, fleet, ingest, stage

ALL = (fleet, application, stage, executors, ingest)
