"""`--rpc` given more than once: the addresses become one text, which `chain.node.connect` takes apart again."""

from collections.abc import Sequence

_OPTION = "--rpc"


def with_nodes_joined(arguments: Sequence[str]) -> list[str]:
    """The arguments of a command with the values of every `--rpc` in one, where the first of them stood."""
    urls: list[str] = []
    others: list[str] = []
    place, waiting = None, iter(arguments)
    for argument in waiting:
        name, is_with_value, value = argument.partition("=")
        if name != _OPTION:
            others.append(argument)
            continue
        given = value if is_with_value else next(waiting, None)
        if given is None:
            # Without its value: the command says so.
            return list(arguments)
        place = len(others) if place is None else place
        urls.append(given)
    if len(urls) < 2:
        return list(arguments)
    return [*others[:place], _OPTION, " ".join(urls), *others[place:]]
