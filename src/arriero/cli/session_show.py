"""What ``/show`` prints: of the model, and of what the session has set over it."""

import json
from typing import assert_never

from arriero.cli.api import Api
from arriero.cli.session import Session
from arriero.cli.show_text import parameter_rows, show_text
from arriero.cli.slash import Part
from arriero.cli.tables import aligned


def part_text(api: Api, session: Session, part: Part) -> str:
    """One view of the model, as it is in this session."""
    shown = api.show(session.model, system=session.system, options=session.options)
    match part:
        case "info":
            return show_text(shown)
        case "license":
            return shown.license or "No license was specified for this model."
        case "modelfile":
            return shown.modelfile
        case "parameters":
            return parameters_text(shown.parameters, session)
        case "system":
            return session.system or shown.system or "No system message was specified for this model."
        case "template":
            return shown.template or "No prompt template was specified for this model."
        case _:
            assert_never(part)


def parameters_text(parameters: str, session: Session) -> str:
    """The model's own parameters, and the user's."""
    own = parameter_rows(parameters)
    users = [
        (name, " ".join(map(json.dumps, value)) if isinstance(value, list) else str(value))
        for name, value in session.options.items()
    ]
    sections = [("Model defined parameters:", own), ("User defined parameters:", users)]
    told = [f"{title}\n{aligned(rows, '  ')}\n" for title, rows in sections if rows]
    return "\n".join(told) or "No parameters were specified for this model."
