"""Compares documents in toml-test's tagged JSON below two directories, for each name on stdin: "same NAME", or "differs NAME"."""
import datetime
import json
import math
import re
import sys


def time_parts(text):
    """Seconds and nanoseconds of a time of day, or of the instant when there is a date and an offset."""
    found = re.fullmatch(
        r"(?:(\d{4})-(\d\d)-(\d\d))?(?:(?:^|[Tt ])(\d\d):(\d\d):(\d\d)(?:\.(\d+))?)?([Zz]|[+-]\d\d:\d\d)?", text)
    if not found:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    seconds = int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0)
    if year:
        seconds += datetime.date(int(year), int(month), int(day)).toordinal() * 86400
    if offset and offset not in "Zz":
        sign = -1 if offset[0] == "-" else 1
        seconds -= sign * (int(offset[1:3]) * 3600 + int(offset[4:6]) * 60)
    return seconds, (fraction or "").ljust(9, "0")[:9], bool(year), bool(hour), bool(offset)


def number(text):
    value = float(text.replace("_", ""))
    return "nan" if math.isnan(value) else value


MEANING = {"string": str, "bool": str, "integer": int, "float": number, "datetime": time_parts,
           "datetime-local": time_parts, "date-local": time_parts, "time-local": time_parts}


def meaning(value):
    if isinstance(value, list):
        return [meaning(item) for item in value]
    if set(value) == {"type", "value"} and isinstance(value["type"], str):
        return value["type"], MEANING[value["type"]](value["value"])
    return {key: meaning(item) for key, item in value.items()}


def load(directory, name):
    try:
        with open(f"{directory}/{name.removesuffix('.toml')}.json", encoding="utf-8") as file:
            return meaning(json.load(file))
    except (OSError, ValueError) as error:
        return error


for line in sys.stdin:
    name = line.strip()
    got, want = (load(directory, name) for directory in sys.argv[1:3])
    print("same" if got == want else "differs", name)
