"""Lines of key=value for scripts that need no Hydra."""

from collections.abc import Sequence

from contrastive_lab.errors import ConfigError


def key_values(arguments: Sequence[str], forms: Sequence[str]) -> dict[str, str]:
    """The values of a line, by key.

    Args:
        arguments: e.g. ["run=outputs/simo/x"].
        forms: what the line may hold, each once, e.g. ["run=<folder of a run>", "out=<folder>"]; the first is needed.

    Raises:
        ConfigError: names what is wrong and what the line takes.
    """
    keys, values = [form.partition("=")[0] for form in forms], dict[str, str]()
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key not in keys or key in values or not value:
            raise ConfigError(f"{argument}: takes {', '.join(forms[:-1])} and {forms[-1]}, each once")
        values[key] = value
    if keys[0] not in values:
        raise ConfigError(f"{forms[0]}: needed")
    return values
