"""The nouns of the Responses API: responses, their items, containers and conversations."""
