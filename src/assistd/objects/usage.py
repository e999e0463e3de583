"""Token usage of a step or a run."""

from assistd.objects.base import Object


class PromptTokenDetails(Object):
    """Of the prompt's tokens, those the upstream had in its cache."""

    cached_tokens: int = 0


class CompletionTokensDetails(Object):
    """Of the completion's tokens, those of hidden reasoning."""

    reasoning_tokens: int = 0


class Usage(Object):
    """Tokens; the first detail key is singular on the wire (contract trap 27)."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_token_details: PromptTokenDetails = PromptTokenDetails()
    completion_tokens_details: CompletionTokensDetails = CompletionTokensDetails()

    @classmethod
    def of(cls, *, prompt: int, completion: int, cached: int = 0, reasoning: int = 0) -> "Usage":
        """Return the usage of one answer of a model."""
        return cls(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=prompt + completion,
            prompt_token_details=PromptTokenDetails(cached_tokens=cached),
            completion_tokens_details=CompletionTokensDetails(reasoning_tokens=reasoning),
        )

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum: the usage of a run is that of its steps (contract section 4)."""
        return Usage.of(
            prompt=self.prompt_tokens + other.prompt_tokens,
            completion=self.completion_tokens + other.completion_tokens,
            cached=self.prompt_token_details.cached_tokens
            + other.prompt_token_details.cached_tokens,
            reasoning=self.completion_tokens_details.reasoning_tokens
            + other.completion_tokens_details.reasoning_tokens,
        )
