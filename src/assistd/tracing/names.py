"""The names of spans and their attributes, in one place: they still move.

Those that begin with `gen_ai` are of the GenAI semantic conventions, tag v0.1.0 of
open-telemetry/semantic-conventions-genai (all "Development"); read the tag, not `main`, when they are brought up
to date. `http`, `server` and `error` are of the semantic conventions 1.44. Ours begin with `assistd`.
Attributes of content (`gen_ai.input.messages`, `gen_ai.tool.call.arguments`, ...) are left out on purpose.
"""

from typing import Final, Literal

SpanName = Literal[
    "queued",
    "prompt",
    "model_wait",
    "model",
    "tool",
    "session_claim",
    "put",
    "exec",
    "harvest",
    "client",
]
"""What a run spends time on: waiting to begin; reading what was said; waiting for the first word of a
model, and for its last; a hosted tool, within which a session is claimed, given its files, runs a cell, and
what that wrote is kept; waiting for the client to answer its functions."""

INVOKE_AGENT: Final = "invoke_agent"
CHAT: Final = "chat"
EXECUTE_TOOL: Final = "execute_tool"

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
AGENT_NAME: Final = "gen_ai.agent.name"
CONVERSATION: Final = "gen_ai.conversation.id"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"

HTTP_METHOD: Final = "http.request.method"
HTTP_ROUTE: Final = "http.route"
HTTP_STATUS: Final = "http.response.status_code"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"

RUN_ID: Final = "assistd.run.id"
RUN_STATUS: Final = "assistd.run.status"
RESPONSE_ID: Final = "assistd.response.id"
RESPONSE_STATUS: Final = "assistd.response.status"
PROJECT_ID: Final = "assistd.project.id"
SESSION_ID: Final = "assistd.session.id"
OUTCOME: Final = "assistd.outcome"
JAIL: Final = "assistd.jail"

KNOWN_FINISH_REASONS: Final = frozenset({"stop", "tool_calls", "length", "content_filter"})

OUR_PROVIDER: Final = "assistd"
UPSTREAM_PROVIDER: Final = "openai"
"""What speaks OpenAI's protocol without saying who it is, as the conventions have it."""

TOOL_TYPES: Final = {"code_interpreter": "extension", "file_search": "datastore"}

STAGES: Final = {
    "claim": "session claim",
    "put": "session put",
    "exec": "session exec",
    "harvest": "harvest",
}
"""The stages of a cell: what the timeline of a run calls them, and what their spans are called."""
