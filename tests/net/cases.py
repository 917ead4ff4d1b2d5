"""What the net records: command lines over small models, formats and options. A case is `ARGS` or `ARGS < INPUT`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

INPUTS: dict[str, bytes] = {
    "lines.txt": b"the cat sat on a mat\n\nBob saw New York .\nI took a walk\n  two  spaces \n",
    "open.txt": b"the dog ran\nall over again",  # without a last line end
    "crlf.txt": b"the cat sat\r\n\r\nit ran\r\n",
    "bom.txt": b"\xef\xbb\xbfthe cat\nthe dog\n",
    "odd.txt": "the \t mat\nœuvre 日本 🙂\n\u00a0x\u3000y\n".encode(),
    "bad.txt": b"the cat\nthe \xff dog\nit ran\n",
    "empty.txt": b"",
    "prompts.txt": b"the cat\nto see\n",
    "runon.txt": b"thecatsatonamat\n\ndogrananditsaw\n",
    "joined.txt": b"abc\n\nfed\nabcdef\n",
    "numbers.txt": b"forty two\n\ntwo hundred and five\nsix zonk\n",
    "objects.jsonl": b'{"id": 1.0e2, "say": "the cat sat", "n": [1,  2]}\n'
    b'{"say":"a \\u00e9t\\u00e9 film" , "seqcli": 3, "big": 1e999}\n{"id": 3, "say": "it ran"}\n',
    "blank.jsonl": b'{"text": "the cat"}\n\n{"text": "the dog", "x": null}\r\n',
    "tokens.jsonl": b'{"tokens": ["Bob", "saw", "Paris", "."], "tags": ["NOUN", "VERB", "NOUN", "PUNCT"]}\n{"tokens": []}\n',
    "broken.jsonl": b'{"text": "the cat"}\n{"text": 3}\n',
    "unclosed.jsonl": b'{"text": "the cat"}\n{"text": "the\n',
    "remarks.csv": b'id,text,label\n1,"a fine, ""moving"" film",positive\n2,"over\ntwo lines",negative\n\n3,a mess,negative\n',
    "remarks.tsv": b"text\tlabel\na gripping film\tpositive\nan awful mess\tnegative\n",
    "headless.tsv": b"a gripping film\tpositive\nan awful mess\tnegative\n",
    "ragged.csv": b"text,label\nfine,positive\none,two,three\n",
    "topics.jsonl": b'{"text": "bread and cheese", "labels": ["food"]}\n{"text": "the goal", "labels": []}\n',
    "parsed.txt": b"(2 (1 (1 the) (1 cat)) (2 (1 is) (2 good)))\n\n(0 (1 the) (0 bad))\n",
    "wrong-tree.txt": b"(2 (1 the) (1 cat))\n(2 (1 the)\n",
    "ner.conll": b"-DOCSTART- -X- O\n\nBob NNP B-PER\nsaw VBD O\nNew NNP B-LOC\nYork NNP I-LOC\n. . O\n\n\nAda NNP B-PER\nran VBD O\n",
    "half.conll": b"Bob\tNNP\t_\nsaw\tVBD\tO\nParis\tNNP\t_\n\n",
    "short.conll": b"Bob NNP B-PER\nsaw VBD\n\n",
    "two.conll": b"Bob\tNNP\nsaw\tVBD\nParis\tNNP\n\n",
    "ud.conllu": b"# sent_id = 1\n# text = I took it.\n1\tI\tI\tPRON\tPRP\t_\t2\tnsubj\t_\t_\n"
    b"2\ttook\ttake\tVERB\tVBD\tTense=Past\t0\troot\t_\t_\n3-4\tit.\t_\t_\t_\t_\t_\t_\t_\t_\n"
    b"3\tit\tit\tPRON\tPRP\t_\t2\tobj\t_\t_\n4\t.\t.\tPUNCT\t.\t_\t2\tpunct\t_\tNER=O\n\n",
    "tagged.txt": b"I/PRON took/VERB a/DET walk/NOUN\n\nhalf\\/way/ADV there\n",
    "words.tsv": b"walk\tNOUN VERB\ntook\tVERB\n",
    "pairs.tsv": b"forty two\t42\nsix\t6\n",
    "pairs.csv": b"spelled,digits\nforty two,42\nsix,6\nseven,\n",
    "pairs.jsonl": b'{"spelled": "forty two", "digits": "42"}\n{"spelled": "six", "digits": "6", "k": 1.50}\n',
    "begun.tsv": b"forty two\t4\nsix\t\n",
    "lists.tsv": b"a\tthe cat sat\t-2\na\tthe sat cat\t-1.5\nb\tit ran\t0\nc\t\t-1\n",
    "lists.txt": b"0 ||| the cat sat ||| tm= -1 -2 ||| -3\n0 ||| cat the ||| tm= 0 -2 ||| -2.5\n",
    "lists.jsonl": b'{"k": 1.50, "seqcli": {"text": "it", "answers": [{"text": "it", "logprob": -1},'
    b' {"text": "it ran", "logprob": -1.5}]}}\n\n',
    "short.tsv": b"a\tthe cat\t-1\na\tit\n",
    "several.jsonl": b'{"spelled": "forty two", "digits": ["42", "24"]}\n{"spelled": "six", "digits": "6"}\n',
    "scan.txt": b"IN: abc OUT: cba\n\nabc\n",
    "train.en": b"abc\nfe\ndd\n",
    "train.de": b"cba\nef\ndd\n",
    "short.en": b"abc\nfe\ndd\n",
    "short.de": b"cba\nef\n",
    "series.txt": b"1.5 8, 3.25\n\n99 -1e3 4\n0.5",
    "gap.txt": b"1 8 3\n4 NA 6\n7 8 9\n",
    "ids.txt": b"5 6 7\n\n8\n",
    "exact.jsonl": b'{"text": "the cat", "a": 1.0e2, "b": "\\u00e9", "c": 1e999, "d":[1,  2]}\n\n{"text": "the dog" }\r\n',
    "others.csv": b"id,text,spelled,digits\n0,zzz,six,6\n1,zzz,forty two,42\n",
    "one.csv": b"text\na fine film\n",
    "two.csv": b"id,text\n1,a fine film\n2,awful\n",
    "waves.jsonl": b'{"wave": [[0.1, 0], [0.9, 1], [0.2, 0], [-0.8, 1]], "k": 1.50}\n\n'
    b'{"wave": [[0.4, 0], [0.5, 0.5], [0.6, 1]], "label": "slow"}\n',
    "wide.jsonl": b'{"wave": [[0.1, 0], [0.9, 1]]}\n{"wave": [[0.1, 0, 3]]}\n',
    "missing.jsonl": b'{"wave": [[0.1, 0], [null, 1]]}\n',
    "waves.txt": b"0.1,0.9,0.2,-0.8:0,1,0,1\n\n0.4 0.5 0.6:0 0.5 1\n",
    "vectors.txt": b"0.1,0 0.9,1 -0.8,1\n\n0.4,0\n",
    "uneven.txt": b"0.1,0 0.9,1\n0.4 0,1\n",
    "nowhere.txt": b"0.1,0.2:1,2\nno-such.npy\n0.1:1\n",
    "beeps.jsonl": b'{"source": [[1, 0], [1, 0], [0, 0], [0, 1], [0, 1], [0, 0]], "target": "dit dah"}\n',
    "long.csv": b"id,time,x,y,label\na,0,0.1,0,slow\na,1,0.9,1,slow\nb,0,0.4,0,fast\nb,1,0.5,0.5,fast\n",
}

FRAMES = [
    "classify -m waves --text wave waves.jsonl",
    "classify -m waves --jsonl < waves.txt",
    "classify -m waves-linear --top 2 < waves.txt",
    "classify -m waves --input long < long.csv",
    "classify -m waves --input jsonl < wide.jsonl",
    "classify -m waves --input jsonl < missing.jsonl",
    "classify -m waves < nowhere.txt",
    "classify -m waves --jobs 2 < nowhere.txt",
    "classify -m waves --explain --jsonl < waves.txt",
    "classify -m waves --input nothing < waves.txt",
    "eval -m waves-tags --input long --tag label long.csv",
    "eval -m waves long.csv --input long --json",
    "tag -m waves-tags < vectors.txt",
    "tag -m waves-tags --jsonl < vectors.txt",
    "tag -m waves-tags --input jsonl --field wave waves.jsonl",
    "tag -m waves-tags < uneven.txt",
    "generate -m beeps --jsonl --input jsonl < beeps.jsonl",
    "generate -m beeps --alignment --input jsonl < beeps.jsonl",
    "generate -m beeps-ctc --jsonl --times --input jsonl < beeps.jsonl",
    "generate -m beeps-ctc --beam 1 < waves.txt",
    "generate -m beeps-ctc --temperature 1 < waves.txt",
    "generate -m beeps --times --jsonl < waves.txt",
    "generate -m beeps-ctc --lm lm < waves.txt",
    "eval -m beeps-ctc beeps.jsonl --input jsonl --metric phoneme-error-rate",
    "eval -m beeps-ctc --per-line beeps.jsonl --input jsonl",
    "inspect waves",
    "inspect beeps-ctc --json",
]

LANGUAGE = [
    "generate -m lm --seed 1 --max-tokens 12 < prompts.txt",
    "generate -m lm --seed 1 --max-tokens 12 -n 2 < prompts.txt",
    "generate -m lm --seed 1 --max-tokens 12 --jsonl < prompts.txt",
    "generate -m lm --seed 1 --max-tokens 6 --jsonl -n 2 < prompts.txt",
    "generate -m lm --temperature 0 --max-tokens 20 --echo < prompts.txt",
    "generate -m lm --temperature 0.7 --top-k 5 --top-p 0.9 --repetition-penalty 1.2 --seed 3 --max-tokens 9 < prompts.txt",
    "generate -m lm --next 3 < prompts.txt",
    "generate -m lm --seed 1 --max-tokens 6 --jsonl --explain < prompts.txt",
    "generate -m lm --next 3 --jsonl < prompts.txt",
    r"generate -m lm --stop t --stop \n --seed 1 --max-tokens 30 < prompts.txt",
    "generate -m lm --prompt the --seed 2 --max-tokens 15",
    "generate -m lm --prompt the --seed 2 --max-tokens 15 --jsonl",
    "generate -m lm --prompt the --seed 2 --max-tokens 9 -n 2 --echo",
    "generate -m lm --prompt the --next 2",
    "generate -m lm --seed 1 --max-tokens 4 empty.txt",
    "generate -m lm --seed 1 --max-tokens 4 prompts.txt open.txt",
    "generate -m lm --seed 1 --max-tokens 4 < bad.txt",
    "generate -m lm-attention --seed 1 --max-tokens 40 -n 2 < prompts.txt",
    "generate -m lm-attention --next 3 --jsonl < lines.txt",
    "generate -m lm-words --seed 1 --max-tokens 6 < lines.txt",
    "generate -m lm-words --seed 1 --max-tokens 6 --jsonl < lines.txt",
    "generate -m lm-counted --seed 1 --max-tokens 9 < lines.txt",
    "generate -m lm-counted --seed 1 --max-tokens 9 --field text < broken.jsonl",
    "generate -m lm-counted --seed 1 --max-tokens 9 --field text < unclosed.jsonl",
    *(
        f"eval -m {m}{o}"
        for m in ("lm", "lm-words", "lm-counted", "lm-attention")
        for o in ("", " --json", " --metric perplexity")
    ),
    "eval -m lm --window 16",
    "eval -m lm --split valid --metric bits-per-character",
    "eval -m lm-counted lines.txt",
    "eval -m lm-counted --json lines.txt open.txt",
    "eval -m lm corpus.txt --window 8 --json",
    "eval -m lm odd.txt",
    "eval -m lm bad.txt",
    "eval -m lm empty.txt",
    *(
        f"rescore -m {m} --weight lm=0.5 --weight score=1 -n 2 < lists.tsv"
        for m in ("lm", "lm-words", "lm-counted", "lm-attention")
    ),
    "rescore -m lm --weight lm=1 < lists.tsv",
    "rescore -m lm --weight lm=1 --weight length=0.5 -n 1 < lists.txt",
    "rescore -m lm --weight lm=1 lists.jsonl",
    "rescore -m lm --weight logprob=1 -n 2 < lists.jsonl",
    "rescore -m lm --weight lm=1 < short.tsv",
    "rescore -m lm --dev lists.tsv --reference lines.txt < empty.txt",
    "eval -m lm-counted --per-line < lines.txt",
    "eval -m lm-words --per-line < lines.txt",
    "eval -m lm-counted --per-line --jsonl < odd.txt",
    "eval -m lm-counted --per-line open.txt prompts.txt",
    "eval -m lm-counted --per-line < bad.txt",
    "generate -m lm --seed 1 --max-tokens 4 --field text < exact.jsonl",
    *(f"generate -m lm --seed 1 --max-tokens 4 < {i}" for i in ("bom.txt", "crlf.txt", "odd.txt")),
    "generate -m lm --seed 1 --max-tokens 4 --unknown strict < odd.txt",
    "generate -m lm --seed 1 --max-tokens 4 --errors replace < bad.txt",
    "generate -m lm --seed 1 --max-tokens 4 two.csv",
    *(f"eval -m lm --per-line < {i}" for i in ("bom.txt", "crlf.txt", "odd.txt")),
    "eval -m lm --per-line --unknown strict < odd.txt",
    "eval -m lm --per-line --errors replace < bad.txt",
]

TAGGING = [
    *(
        f"tag -m {m}{o} < lines.txt"
        for m in ("pos", "tags-counted")
        for o in ("", " --jsonl", " --format conll", " --format conllu")
    ),
    "tag -m pos-attention --jsonl < lines.txt",
    "tag -m pos-attention --batch-size 1 < lines.txt",
    "tag -m pos --format conll --confidence < lines.txt",
    "tag -m pos --min-confidence 0.5 < lines.txt",
    "tag -m pos --jsonl --n-best 2 < lines.txt",
    "tag -m pos --jsonl --explain < open.txt",
    "tag -m ner --input conll --columns word,pos --jsonl --explain < two.conll",
    "tag -m pos --explain < open.txt",
    "tag -m pos --lexicon words.tsv < lines.txt",
    "tag -m pos --batch-size 1 < lines.txt",
    *(f"tag -m pos < {i}" for i in ("open.txt", "crlf.txt", "bom.txt", "odd.txt", "bad.txt", "empty.txt")),
    *(f"tag -m pos --jsonl < {i}" for i in ("crlf.txt", "bom.txt", "odd.txt")),
    "tag -m pos open.txt crlf.txt",
    "tag -m pos --field say < objects.jsonl",
    "tag -m pos --input jsonl < objects.jsonl",
    "tag -m pos --input jsonl --jsonl < blank.jsonl",
    "tag -m pos --input jsonl --format word-tag < tokens.jsonl",
    "tag -m pos --input jsonl --jsonl < tokens.jsonl",
    "tag -m pos --input jsonl < broken.jsonl",
    "tag -m pos --input jsonl < unclosed.jsonl",
    "tag -m pos --input jsonl --force tags --jsonl < tokens.jsonl",
    "tag -m pos --input tokens < odd.txt",
    "tag -m pos --input word-tag < tagged.txt",
    "tag -m pos --format conllu < ud.conllu",
    "tag -m pos --format conllu --tag xpos < ud.conllu",
    "tag -m pos --format conllu --tag misc.POS < ud.conllu",
    "tag -m pos --input conllu --jsonl < ud.conllu",
    "tag -m pos --input conllu --force upos < ud.conllu",
    "tag -m pos --format conll < two.conll",
    "tag -m pos --format conll --columns word,pos --replace < two.conll",
    *(f"tag -m ner --format {f} < ner.conll" for f in ("conll",)),
    *(
        f"tag -m forms --format {f} < lines.txt"
        for f in ("conllu", "conll --confidence", "jsonl --n-best 2", "spans")
    ),
    "tag -m forms --tag lemma < lines.txt",
    "tag -m forms --format conllu --min-confidence 0.9 < ud.conllu",
    *(f"tag -m ner --input conll --format {f} < ner.conll" for f in ("jsonl", "spans", "word-tag", "conllu")),
    "tag -m ner --format conll --replace --confidence < ner.conll",
    "tag -m ner --format conll --columns word,pos,known --force known < half.conll",
    "tag -m ner --format conll < short.conll",
    "tag -m ner --format conll --min-confidence 0.6 < ner.conll",
    "tag -m ner < lines.txt",
    "tag -m spaces < runon.txt",
    "tag -m spaces --jsonl < runon.txt",
    "tag -m spaces --format word-tag < runon.txt",
    *(f"eval -m {m}{o}" for m in ("pos", "ner", "spaces", "tags-counted") for o in ("", " --json")),
    "eval -m ner --metric span-f1 --metric accuracy",
    "eval -m ner --confusion",
    *(f"eval -m forms{o}" for o in ("", " --json", " --tag lemma --metric accuracy")),
    "eval -m pos --split valid --metric accuracy",
    "eval -m ner ner.conll",
    "eval -m pos tagged.txt --input word-tag --unknown-label skip",
    "eval -m pos ud.conllu",
    "eval -m pos ud.conllu --tag xpos --unknown-label count-wrong --metric accuracy",
    "eval -m pos ud.conllu --tag xpos",
    "eval -m pos --input jsonl --metric accuracy - < tokens.jsonl",
    "tag -m pos --field text < exact.jsonl",
    "tag -m pos --errors replace < bad.txt",
    "tag -m pos --unknown strict < lines.txt",
    "tag -m pos blank.jsonl",
    "tag -m ner ner.conll",
]

CLASSIFICATION = [
    *(
        f"classify -m {m}{o} < lines.txt"
        for m, o in product(
            ("remarks", "topics", "linear", "trees"), ("", " --top 2", " --jsonl", " --jsonl --top 2")
        )
    ),
    "classify -m remarks-attention --top 2 < lines.txt",
    "classify -m remarks-attention --batch-size 1 < lines.txt",
    "classify -m remarks --min-confidence 0.7 --else UNSURE < lines.txt",
    "classify -m remarks --jsonl --attention < lines.txt",
    "classify -m remarks --jsonl --explain < lines.txt",
    "classify -m linear --jsonl --explain < open.txt",
    "classify -m remarks --batch-size 1 < lines.txt",
    *(f"classify -m remarks < {i}" for i in ("open.txt", "crlf.txt", "bom.txt", "odd.txt", "bad.txt", "empty.txt")),
    *(f"classify -m linear --jsonl < {i}" for i in ("open.txt", "crlf.txt", "bom.txt", "odd.txt")),
    "classify -m remarks open.txt crlf.txt",
    "classify -m remarks --field say < objects.jsonl",
    "classify -m remarks --field say --top 2 < objects.jsonl",
    "classify -m remarks --input jsonl < blank.jsonl",
    "classify -m remarks --input jsonl < broken.jsonl",
    "classify -m remarks --input jsonl < unclosed.jsonl",
    "classify -m remarks --field nothing < objects.jsonl",
    "classify -m remarks --input csv < remarks.csv",
    "classify -m remarks --input csv --text 2 < remarks.csv",
    "classify -m remarks --input csv < ragged.csv",
    "classify -m remarks --input tsv < remarks.tsv",
    "classify -m remarks --input tsv --top 2 < remarks.tsv",
    "classify -m topics --input tsv < remarks.tsv",
    "classify -m remarks --input tsv --no-header < headless.tsv",
    "classify -m trees --input trees < parsed.txt",
    "classify -m trees --input trees --jsonl --nodes < parsed.txt",
    "classify -m trees --input trees < wrong-tree.txt",
    *(f"eval -m {m}{o}" for m in ("remarks", "topics", "linear", "trees") for o in ("", " --json")),
    "eval -m remarks --confusion",
    "eval -m remarks --metric accuracy --metric macro-f1",
    "eval -m remarks --split valid --metric accuracy",
    "eval -m remarks remarks.tsv",
    "eval -m remarks remarks.csv --json",
    "eval -m remarks --input tsv headless.tsv --metric accuracy",
    "eval -m topics topics.jsonl",
    "eval -m trees parsed.txt --metric accuracy",
    "eval -m remarks ragged.csv",
    "eval --compare remarks linear",
    "eval --compare remarks linear --json --metric macro-f1",
    "classify -m remarks --field text < exact.jsonl",
    "classify -m remarks --errors replace < bad.txt",
    "classify -m remarks --unknown strict < lines.txt",
    *(
        f"classify -m remarks {i}"
        for i in ("one.csv", "two.csv", "remarks.csv", "remarks.tsv", "blank.jsonl", "parsed.txt")
    ),
]

PAIRS = [
    *(f"generate -m digits{o} < numbers.txt" for o in ("", " --beam 1", " --n-best 2", " --jsonl", " --alignment")),
    "generate -m digits --jsonl --explain < numbers.txt",
    "generate -m digits --jsonl --n-best 2 --attention < numbers.txt",
    "generate -m digits --beam 3 --length-penalty 0.6 --coverage-penalty 0.2 --no-repeat 2 --min-length 2 < numbers.txt",
    "generate -m digits --temperature 1 -n 2 --seed 1 < numbers.txt",
    "generate -m digits --temperature 0.5 --top-k 3 --seed 1 --jsonl < numbers.txt",
    "generate -m digits --max-tokens 2 --batch-size 1 < numbers.txt",
    "generate -m digits --replace-unknown < numbers.txt",
    *(
        f"generate -m digits{o} < numbers.txt"
        for o in (" --must 42", " --must-not 3 --grammar [0-9]+", " --keep seven")
    ),
    "generate -m digits --prompt six",
    "generate -m digits --prompt six --jsonl --alignment",
    "generate -m digits --ensemble digits < numbers.txt",
    "generate -m digits --input tsv < pairs.tsv",
    "generate -m digits --input csv < pairs.csv",
    "generate -m digits --input jsonl < pairs.jsonl",
    "generate -m digits --field spelled --n-best 2 < pairs.jsonl",
    "generate -m digits --input tsv --source 1 --prefix 2 < begun.tsv",
    *(f"generate -m back < {i}" for i in ("joined.txt", "bad.txt", "empty.txt")),
    "generate -m back --input scan < scan.txt",
    *(
        f"generate -m plurals{o} < joined.txt"
        for o in ("", " --beam 1", " --n-best 2", " --jsonl --attention", " --alignment")
    ),
    "generate -m plurals --temperature 1 -n 2 --seed 1 < joined.txt",
    *(
        f"generate -m plurals {o} < joined.txt"
        for o in ("--prefix a", "--must a", "--no-repeat 2", "--max-tokens 2", "--lm lm")
    ),
    "generate -m plurals --ensemble plurals < joined.txt",
    *(f"eval -m plurals train.en --source en --target de{o}" for o in (" --metric exact-match", " --per-line")),
    "generate -m back --jsonl < joined.txt",
    "generate -m back joined.txt open.txt",
    *(
        f"eval -m {m}{o}"
        for m in ("digits", "back")
        for o in ("", " --json", " --metric exact-match", " --metric bleu")
    ),
    "eval -m digits --beam 1 --tokenize char --lowercase --metric bleu --metric chrf",
    "eval -m digits pairs.csv",
    "eval -m digits pairs.jsonl --json",
    "eval -m digits several.jsonl --json",
    "eval -m digits pairs.csv --reference digits --metric bleu",
    "eval -m digits pairs.csv --reference no",
    "eval -m back pairs.tsv --metric exact-match",
    "eval -m back train.en --source en --target de --metric exact-match",
    "eval -m back train.en --source en --target de --per-line",
    "eval -m back short.en --source en --target de --per-line",
    "eval -m back --per-line --input scan - < scan.txt",
    "eval -m digits --per-line --jsonl pairs.csv",
    "eval -m digits --per-line --split valid",
    *(f"generate -m digits {i}" for i in ("others.csv", "numbers.csv", "pairs.jsonl")),
    "generate -m digits --unknown strict < numbers.txt",
    "generate -m back --errors replace < bad.txt",
]

EMBEDDING = [
    *(
        f"embed -m {m} < lines.txt"
        for m in ("remarks", "remarks-attention", "topics", "trees", "pos", "pos-attention")
    ),
    *(f"embed -m {m} < lines.txt" for m in ("lm", "lm-words", "lm-attention", "digits", "back", "plurals", "spaces")),
    *(f"embed -m {m} --per word < open.txt" for m in ("remarks", "pos", "lm", "digits")),
    *(f"embed -m pos --pool {p} < open.txt" for p in ("mean", "last", "max")),
    "embed -m forms --jsonl --per word < open.txt",
    "embed -m remarks --jsonl < lines.txt",
    "embed -m remarks --field text < exact.jsonl",
    "embed -m remarks remarks.csv",
    "embed -m remarks --similar lines.txt --top 2 < lines.txt",
    "embed -m remarks --similar lines.txt --top 2 --jsonl < open.txt",
    "embed -m remarks --similar lines.txt --top 1 remarks.csv",
    "embed -m ner --input conll --columns word,pos < two.conll",
    "embed -m ner < lines.txt",
    "embed -m waves < waves.txt",
    "embed -m tides < series.txt",
    "embed -m remarks < bad.txt",
    "embed -m remarks < empty.txt",
    "embed -m remarks --unknown strict < lines.txt",
    "embed -m linear < lines.txt",
    *(f"embed -m {m} --words" for m in ("remarks", "digits", "lm-words")),
]

TOKENS = [
    *(
        f"tokenize {k}{o} < {i}"
        for k, o, i in product(
            ("--kind byte", "-m lm-words"), ("", " --ids", " --jsonl", " --count"), ("lines.txt", "odd.txt")
        )
    ),
    *(
        f"tokenize --kind {k} < {i}"
        for k, i in product(("char", "word"), ("lines.txt", "odd.txt", "open.txt", "crlf.txt"))
    ),
    *(f"tokenize -m lm{o} < prompts.txt" for o in ("", " --ids", " --jsonl", " --count --json")),
    "tokenize --kind byte open.txt prompts.txt",
    "tokenize --kind byte --ids --decode < ids.txt",
    "tokenize -m lm --decode < ids.txt",
    "tokenize -m lm-words --decode --pieces < prompts.txt",
    "tokenize --kind byte < bad.txt",
    "tokenize -m pos < lines.txt",
    "tokenize --kind byte --field text < broken.jsonl",
    "tokenize --kind byte --field text < unclosed.jsonl",
    "tokenize --learn learnt.safetensors --kind word --set min_count=2 corpus.txt",
    "tokenize --kind byte --field text < exact.jsonl",
    *(f"tokenize -m lm{o} < odd.txt" for o in ("", " --ids", " --jsonl", " --count")),
    "tokenize -m lm --unknown strict < odd.txt",
    "tokenize -m lm-words --unknown strict < odd.txt",
    "tokenize --kind byte --errors replace < bad.txt",
]

LOOKING = [
    *(
        f"look {mode} prompts.txt -m lm{o}"
        for mode in ("surprise", "memory", "gates", "neurons")
        for o in ("", " --json")
    ),
    *(f"look neighbors {word} -m {m}{o}" for word, m in (("e", "lm"), ("the", "pos")) for o in ("", " --json")),
    "look surprise tagged.txt -m pos",
    "look memory bad.txt -m lm",
    *(f"inspect {m}.safetensors{o}" for m in ("lm", "pos", "remarks", "digits", "linear") for o in ("", " --json")),
    *(
        f"recipes new {files} -o -"
        for files in (
            "corpus.txt",
            "pos-train.txt",
            "ner-train.conll ner-valid.conll",
            "remarks-train.tsv",
            "topics-train.jsonl",
            "trees-train.txt",
            "numbers.csv",
            "back.tsv",
            "train.en train.de",
            "ud.conllu",
            "remarks.csv",
            "empty.txt",
        )
    ),
    *(
        f"train {m}.yaml --dry-run"
        for m in ("lm", "lm-counted", "pos", "tags-counted", "remarks", "linear", "digits")
    ),
    "recipes list",
    "recipes show lm.yaml",
    "recipes copy lm.yaml sub/copied.yaml",
    "recipes validate lm.yaml pos.yaml digits.yaml",
    *(f"recipes keys{s}" for s in ("", " data", " model.tagger", " tokenizer.word", " train")),
]

MISTAKES = [
    "tag -m lm < lines.txt",
    "classify -m pos < lines.txt",
    "generate -m remarks < lines.txt",
    "generate -m lm --beam 3 < lines.txt",
    "generate -m digits --stop x < numbers.txt",
    "generate -m lm --prompt x prompts.txt",
    "tag -m pos --min-confidence 0.5 --target-precision 0.9 < lines.txt",
    "tag -m pos --columns word,tag < lines.txt",
    "tag -m pos --format nothing < lines.txt",
    "tag -m pos --format spans < lines.txt",
    "classify -m remarks --input nothing < lines.txt",
    "classify -m remarks --attention < lines.txt",
    "classify -m linear --attention --jsonl < lines.txt",
    "classify -m remarks --text a < lines.txt",
    "classify -m remarks --input csv --text nothing < remarks.csv",
    "classify -m remarks no-such-file.txt",
    "eval -m lm --columns a,b",
    "eval -m pos --window 3",
    "eval -m remarks --beam 3",
    "eval -m remarks --metric nothing",
    "eval -m lm --split other",
    "eval -m lm lines.txt --split valid",
    "tokenize --ids --count < lines.txt",
    "tokenize --kind word --ids < lines.txt",
    "generate -m lm --batch-size 0 < lines.txt",
    "eval -m lm --unknown-label skip",
    "eval -m lm --errors replace",
    "tag -m pos --errors other < lines.txt",
    "nothing",
    "train no-such.yaml",
]

NUMBERS = [
    *(f"generate -m tides --seed 1 --max-tokens 5{o} < series.txt" for o in ("", " -n 2", " --jsonl", " --echo")),
    "generate -m tides --seed 1 --max-tokens 3 --quantiles 0.1,0.5,0.9 < series.txt",
    "generate -m tides --seed 1 --max-tokens 3 --quantiles 0.1,0.9 -n 5 --jsonl < series.txt",
    "generate -m tides --seed 1 --max-tokens 3 --quantiles 0.5 --prompt '1 8 3' --temperature 0.5",
    "generate -m tides --next 2 < series.txt",
    "generate -m tides --seed 1 --max-tokens 3 --unknown strict < series.txt",
    "generate -m tides --seed 1 --max-tokens 3 < gap.txt",
    "generate -m tides --seed 1 --max-tokens 3 < lines.txt",
    "generate -m tides --quantiles 2 < series.txt",
    "generate -m lm --quantiles 0.5 < prompts.txt",
    *(f"eval -m tides{o}" for o in ("", " --json", " --metric rmse", " --horizon 4", " --horizon 4 --json")),
    "eval -m tides --window 8",
    "eval -m tides series.txt",
    "eval -m tides gap.txt",
    "eval -m tides --per-line < series.txt",
    "eval -m tides --per-line < gap.txt",
    "eval -m lm --horizon 3",
    *(f"tokenize -m tides{o} < series.txt" for o in ("", " --ids", " --jsonl", " --count", " --unknown strict")),
    *(f"tokenize -m tides{o} < gap.txt" for o in ("", " --jsonl", " --count")),
    "tokenize --learn learnt.safetensors --kind bins --set size=8 tides.txt",
    "tokenize --learn learnt.safetensors --kind bins corpus.txt",
    "look surprise tides.txt -m tides",
    "inspect tides",
]

SELECTING = [
    *(
        f"select -m {m}{o} < lines.txt"
        for m in ("pos", "linear", "topics")
        for o in ("", " --jsonl", " --by entropy")
    ),
    "select -m pos -n 2 --per-word --format conllu < lines.txt",
    "select -m pos --by margin --jsonl < crlf.txt",
    "select -m pos --diverse -n 2 open.txt bom.txt",
    "select -m pos ud.conllu",
    "select -m pos --input jsonl < tokens.jsonl",
    "select -m forms --tag lemma --jsonl < lines.txt",
    "select -m ner --by span ner.conll",
    "select -m ner --by span < lines.txt",
    "select -m linear remarks.csv",
    "select -m linear --input tsv < headless.tsv",
    "select -m linear --field say < objects.jsonl",
    "select -m linear one.csv two.csv",
    "select -m waves --text wave waves.jsonl",
    "select -m pos --doubtful tagged.txt --input word-tag",
    "select -m pos --doubtful tokens.jsonl",
    "select -m remarks --doubtful remarks.csv",
    "select -m remarks --doubtful remarks.csv --jsonl",
    "select -m pos --doubtful --diverse tagged.txt",
    "select -m lm < lines.txt",
    "select -m spaces < lines.txt",
    "select -m pos < bad.txt",
    "select -m pos < empty.txt",
]

GROUPS = {
    "language": LANGUAGE, "tagging": TAGGING, "classification": CLASSIFICATION, "pairs": PAIRS,
    "embedding": EMBEDDING, "tokens": TOKENS, "looking": LOOKING, "frames": FRAMES, "numbers": NUMBERS,
    "mistakes": MISTAKES, "selecting": SELECTING,
}  # fmt: skip


def cases() -> Iterator[tuple[str, str]]:
    """(group, case) of all."""
    for group, lines in GROUPS.items():
        for line in dict.fromkeys(lines):
            yield group, line
