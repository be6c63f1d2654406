"""The reference page of commands and options, from the program's own `--help`. Not here: what the commands do."""

import re
from typing import Any

from wrapped import bullet, sentences

from blindfair.cli.verbosity import with_verbosity_options

HEAD = """\
# Commands

This page is for people who run `blindfair` from a shell, and lists every command with every option.
`scripts/docs reference` writes it from the program; `blindfair COMMAND --help` says the same.
[Exit codes](exit-codes.md) says how a command can end, and the [result file](results.md) what the demo writes.

These options stand anywhere on the line, with every command:

"""

COMPLETION = """
`blindfair --install-completion` installs the completion of commands and options for the shell in use.
`blindfair --show-completion` prints it instead.
"""

UNNAMED = {"str": "TEXT", "path": "PATH"}
"""What stands for an argument's value. Options name theirs."""


def commands_page() -> str:
    """The whole page, in Markdown: one section a command, in the program's order."""
    # Imported here: the program's modules are not needed by who asks for another page.
    from blindfair.cli.main import app

    root: Any = with_verbosity_options(app)
    everywhere = {"--verbose", "--quiet", "--help"}
    shared = [parameter for parameter in root.params if everywhere & set(parameter.opts)]
    options = [_parameter(parameter, _context(root, "blindfair", None)) for parameter in shared]
    text = HEAD + "".join(options) + bullet("`--help`", "Show the options of a command.") + COMPLETION
    return text + _section(root, "blindfair", None, everywhere | {"--install-completion", "--show-completion"})


def _context(command: Any, name: str, parent: Any) -> Any:
    return command.context_class(command, info_name=name.rpartition(" ")[2], parent=parent)


def _section(command: Any, path: str, parent: Any, left_out: set[str]) -> str:
    context = _context(command, path, parent)
    pieces = " ".join(command.collect_usage_pieces(context)).replace("{", "").replace("}", "")
    text = f"\n## {path}\n\n{_paragraphs(command.help)}\n\n```text\n{path} {pieces}\n```\n"
    shown = [parameter for parameter in command.params if not left_out & set(parameter.opts) and not _hidden(parameter)]
    for title, needed in (("Needed", True), ("Options", False)):
        rows = [_parameter(parameter, context) for parameter in shown if parameter.required is needed]
        if rows:
            text += f"\n{title}:\n\n" + "".join(rows)
    for name in command.list_commands(context) if hasattr(command, "commands") else ():
        text += _section(command.commands[name], f"{path} {name}", context, left_out)
    return text


def _hidden(parameter: Any) -> bool:
    return bool(getattr(parameter, "hidden", False))


def _paragraphs(text: str) -> str:
    paragraphs = [_marked(" ".join(paragraph.split())) for paragraph in text.split("\n\n")]
    return "\n\n".join("\n".join(sentences(paragraph)) for paragraph in paragraphs)


def _parameter(parameter: Any, context: Any) -> str:
    shown, told = parameter.get_help_record(context)
    spelled = re.sub(r"<([a-z ]+)>", lambda found: UNNAMED.get(found[1], found[1].upper()), shown)
    words, _, bounds = told.partition("  [")
    kept = [part.strip() for part in bounds.rstrip("]").split(";")] if bounds else []
    facts = "; ".join(part.replace("default: ", "default ") for part in kept if part != "required")
    meaning = _marked(words).removesuffix(".")
    return bullet(f"`{spelled}`", meaning + (f" ({facts})." if facts else "."))


def _marked(text: str) -> str:
    """Plain text of `--help` as Markdown: options as code, and nothing that would be taken for a tag."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"(?<![\w-])(--[a-z][a-z-]*\w)", r"`\1`", part).replace("<", "&lt;") for part in parts[::2]]
    return "`".join(parts)
