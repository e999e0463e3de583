"""The collections of API objects, with the words for an unknown id of each (contract section 9)."""

from assistd.db import tables
from assistd.db.collection import Collection
from assistd.objects.assistant import Assistant
from assistd.objects.file import File
from assistd.objects.message import Message
from assistd.objects.responses.container import StoredContainer, StoredContainerFile
from assistd.objects.responses.conversation import Conversation
from assistd.objects.responses.response import Response
from assistd.objects.run import Run
from assistd.objects.run_step import RunStep
from assistd.objects.thread import Thread
from assistd.objects.upload import Upload, UploadPart
from assistd.objects.vector_store import VectorStore, VectorStoreBatch

assistants = Collection(tables.assistants, Assistant, "No assistant found with id '{id}'.")
threads = Collection(tables.threads, Thread, "No thread found with id '{id}'.")
messages = Collection(tables.messages, Message, "No message found with id '{id}'.")
runs = Collection(tables.runs, Run, "No run found with id '{id}'.")
run_steps = Collection(tables.run_steps, RunStep, "No run step found with id '{id}'.")
files = Collection(tables.files, File, "No such File object: {id}", param="id")
uploads = Collection(tables.uploads, Upload, "No such Upload object: {id}", param="upload_id")
upload_parts = Collection(tables.upload_parts, UploadPart, "No such Part object: {id}")
vector_stores = Collection(
    tables.vector_stores, VectorStore, "No vector store found with id '{id}'."
)
vector_store_batches = Collection(
    tables.vector_store_batches,
    VectorStoreBatch,
    "No vector store file batch found with id '{id}'.",
)
responses = Collection(tables.responses, Response, "Response with id '{id}' not found.")
conversations = Collection(
    tables.conversations, Conversation, "Conversation with id '{id}' not found."
)
containers = Collection(tables.containers, StoredContainer, "Container with id '{id}' not found.")
container_files = Collection(tables.files, StoredContainerFile, "File {id} not found.")
