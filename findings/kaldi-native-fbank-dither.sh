#!/usr/bin/env bash
# kaldi-native-fbank 1.23.0 (with numpy 2.4.6): the same samples have other features each time.
#
# Expected: filter banks are a function of the samples, as librosa's and torchaudio's (whose dither is 0 by default) are; or
# else, as in Kaldi, a dither of 1.0 that is meant for samples of 16 bits.
# Seen: the default is 3e-5, meant for samples between -1 and 1, and drawn without a seed. On such samples, two calls on the
# same half second of quiet noise differ by a tenth and more in a log-mel band; on the same samples times 32,768, as Kaldi's
# recipes have them, a hundred times less or so: whoever tests on those hardly sees it. With dither = 0 both are the same.
#
# Output:
#   default dither 3e-05
#   samples within 1: 0.1 or more apart: True
#   samples of 16 bits: less than a tenth of that apart: True
#   dither 0: the same: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q kaldi-native-fbank==1.23.0 numpy==2.4.6
cat >"$folder/try.py" <<'PY'
import kaldi_native_fbank as knf
import numpy as np

hiss = np.random.default_rng(1).normal(0, 0.001, 4000)


def features(scale, dither=None):
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = 8000
    if dither is not None:
        options.frame_opts.dither = dither
    made = knf.OnlineFbank(options)
    made.accept_waveform(8000, (hiss * scale).astype(np.float32).tolist())
    made.input_finished()
    return np.array([made.get_frame(i) for i in range(made.num_frames_ready)])


def apart(*how):
    return np.abs(features(*how) - features(*how)).max()


print(f"default dither {knf.FbankOptions().frame_opts.dither:.0e}")
print("samples within 1: 0.1 or more apart:", bool(apart(1.0) >= 0.1))
print("samples of 16 bits: less than a tenth of that apart:", bool(apart(32768.0) < apart(1.0) / 10))
print("dither 0: the same:", bool(apart(1.0, 0.0) == 0))
PY
"$folder/venv/bin/python" "$folder/try.py" | tee "$folder/seen"
sed -n 's/^#   //p' "$0" | diff - "$folder/seen"
