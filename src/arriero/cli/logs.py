"""How the server's log looks: a constant message, then its facts as ``name=value``."""

import logging
import sys

LEVELS = ("debug", "info", "warning", "error", "critical")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class FactsFormatter(logging.Formatter):
    """Appends the record's extra fields to its message."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback below it where there is one. What an engine says is only marked as its own."""
        if shown_as := getattr(record, "shown_as", ""):
            return f"[{shown_as}] {record.getMessage()}"
        facts = "".join(f" {name}={value}" for name, value in vars(record).items() if name not in _STANDARD)
        line = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname:<7} {record.getMessage()}{facts}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logs(level: str) -> None:
    """Log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FactsFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # What libraries tell would bury ours.
    for name in ("asyncio", "urllib3", "filelock", "httpcore", "httpx", "httpx2", "httpcore2", "uvicorn"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
