"""The body of POST /responses/input_tokens."""

from typing import Any

from assistd.api.bodies import JsonObject, Many, ModelName
from assistd.api.responses.requests.common import ConversationBody, StrictBody, get_conversation_id
from assistd.api.responses.requests.items import InputBody
from assistd.api.responses.requests.parts import SentText


class CountTokens(StrictBody):
    """What a response would be asked with; settings that take no tokens are not looked at."""

    max_values = 100_000

    model: ModelName | None = None
    input: InputBody | None = None
    instructions: SentText | None = None
    previous_response_id: str | None = None
    conversation: ConversationBody | None = None
    tools: Many[JsonObject] | None = None
    text: Any = None
    reasoning: Any = None
    truncation: Any = None
    tool_choice: Any = None
    parallel_tool_calls: Any = None
    personality: Any = None

    @property
    def conversation_id(self) -> str | None:
        """The conversation that the input would go on with.

        Raises:
            RequestError: it would also go on from a response.
        """
        return get_conversation_id(self.conversation, self.previous_response_id)
