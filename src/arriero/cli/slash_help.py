"""What ``/?`` tells."""

_ALL = '''\
Commands:
  /set            Set something for this session
  /show           Show something about the model
  /load MODEL     Talk to another model
  /save NAME      Save this session as a model
  /clear          Forget what has been said
  /list           List the models
  /bye            End (so does Ctrl-d)
  /?, /help       Help for a command: /? set

Begin with """ to write several lines, and end with """.
Ctrl-c stops an answer.
'''
_SET = '''\
Commands:
  /set parameter NAME VALUE...  A parameter, as in a Modelfile
  /set system TEXT              The system prompt; in """ it may have several lines
  /set format json              Answers in JSON; or give a JSON schema
  /set noformat                 Answers in any form
  /set think [LEVEL]            Think first: low, medium, high or max
  /set nothink                  Do not think first
  /set verbose                  Show statistics
  /set quiet                    Show none
  /set wordwrap                 Wrap lines at words
  /set nowordwrap               Leave lines as they are
  /set markdown                 Draw answers as Markdown
  /set nomarkdown               Show answers as they are
  /set history                  Remember what is typed
  /set nohistory                Remember nothing
'''
_SHOW = """\
Commands:
  /show info          What the model is
  /show license       Its license
  /show modelfile     A Modelfile that makes it, with what this session has set
  /show parameters    Its parameters, and those of this session
  /show system        The system prompt
  /show template      Its template
"""
_TOPICS = {"set": _SET, "show": _SHOW}


def help_text(topic: str) -> str:
    """The help on a command, on all where it has none of its own."""
    return _TOPICS.get(topic, _ALL)
