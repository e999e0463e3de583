"""All tasks."""

from bench.tasks import documents, plain, records, tables, workbooks

TASKS = (
    *plain.TASKS,
    *tables.TASKS,
    *workbooks.TASKS,
    *records.TASKS,
    *documents.TASKS,
)
