#!/usr/bin/env bash
# conllu 6.0.0: reading a CoNLL-U file and writing it again loses the comments that are not `key = value`.
#
# Expected: comment lines may say anything (the format asks for `#` and that they stand before a sentence); a reader that
# cannot interpret one keeps it, or says that it does not.
# Seen: `# checked by hand` is gone without a word, while `# newpar`, which has no `=` either, stays; of two comments with the
# same key (translations, say) the first is gone too. pyconll 3.3.1 keeps all that have different keys.
#
# Output:
#   conllu keeps: # sent_id = 1 | # newpar | # gloss = two
#   pyconll keeps: # sent_id = 1 | # checked by hand | # newpar | # gloss = two
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q conllu==6.0.0 pyconll==3.3.1
cat >"$folder/try.py" <<'PY'
import conllu
import pyconll

TEXT = """# sent_id = 1
# checked by hand
# newpar
# gloss = one
# gloss = two
1\ta\ta\tX\t_\t_\t0\troot\t_\t_

"""


def comments(text: str) -> str:
    return " | ".join(line for line in text.splitlines() if line.startswith("#"))


print("conllu keeps:", comments(conllu.parse(TEXT)[0].serialize()))
print("pyconll keeps:", comments(pyconll.load_from_string(TEXT).conll()))
PY
(cd "$folder" && venv/bin/python try.py) | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen"
