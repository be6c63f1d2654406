"""placeholder"""


def write_report(*a, **k): ...
