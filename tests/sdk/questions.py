"""What the scenarios ask, and what SmolLM2 answers at temperature 0, on every engine."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

QUESTION = "Name the capital of France."
ANSWER = "The capital of France is Paris."
# Under tests/engines_live/thinking.jinja.
THOUGHT, THOUGHTFUL_ANSWER = "The capital of France is wanted.", "It is Paris."
WEATHER_QUESTION = "What is the weather in Paris?"
BOTH_WEATHERS = "Compare the weather in Paris and in Rome."
WEATHER = "22 degrees and sunny"
ENDLESS = "Write a very long story about a mule driver, with a hundred chapters."
# More than the 2,048 tokens that there is room for.
LONG = "word " * 2500
# A PNG of one pixel.
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

PARAMETERS: dict[str, object] = {
    "type": "object",
    "properties": {"location": {"type": "string", "maxLength": 20}},
    "required": ["location"],
    "additionalProperties": False,
}


class City(BaseModel):
    """What an answer in JSON has to be."""

    model_config = ConfigDict(extra="forbid")

    city: Literal["Paris", "Rome"]
    continent: Literal["Europe", "Asia"]
    is_capital: bool


# A JSON Schema is any JSON.
def city_schema() -> dict[str, Any]:
    """The schema of ``City``, as a client writes it by hand."""
    return City.model_json_schema()
