# Writes into a recipe document the sha256 of every file below inputs/ that it names: pin.py DOCUMENT
import hashlib
import os
import re
import sys

document = sys.argv[1]
text = open(document).read()


def pin(match):
    with open(os.path.join(os.path.dirname(document), match.group(2)), "rb") as file:
        return match.group(1) + hashlib.sha256(file.read()).hexdigest() + '"'


text = re.sub(r'((?:source|path) = "(inputs/[^"]+)"\nsha256 = ")[0-9a-f]{64}"', pin, text)
open(document, "w").write(text)
