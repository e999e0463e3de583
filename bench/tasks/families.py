"""All tasks."""

from bench.tasks import documents, records, tables, workbooks

TASKS = (*tables.TASKS, *workbooks.TASKS, *records.TASKS, *documents.TASKS)
