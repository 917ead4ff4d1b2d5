"""The examples of engines, run for real: the same bytes as one process, and what engines do that docs/engines.md says.

Slow; what is not installed is skipped. `pip install pyspark==4.0.1 'ray[data]==2.49.2' pandas==2.3.3 pyarrow==21.0.0`,
a Java 17, and GNU parallel; then `pytest -m slow tests/engines`.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from support.awkward import lines

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES, MODEL = ROOT / "examples", ROOT / "tests/net/models/linear.safetensors"
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
SEQCLI = f"{shlex.quote(sys.executable)} -m seqcli -q classify -m {shlex.quote(str(MODEL))}"
LINES = 200_000
WORDS = ["the", "a", "fine", "gripping", "awful", "dull", "film", "œuvre", "日本", "🙂"]

pytestmark = pytest.mark.slow


def need(*modules: str, program: str = "") -> None:
    for module in modules:
        pytest.importorskip(module, reason=f"{module} is not installed")
    if program and shutil.which(program) is None:
        pytest.skip(f"there is no program {program}")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("engines") / "lines.txt"
    path.write_bytes("".join(f"{line}\n" for line in lines(LINES, WORDS)).encode())
    return path


@pytest.fixture(scope="module")
def expected(given: Path) -> bytes:
    """What one process writes."""
    done = subprocess.run([*shlex.split(SEQCLI), str(given)], env=ENV, capture_output=True, check=True)
    assert done.stdout.count(b"\n") == LINES
    return done.stdout


def run(*command: object) -> str:
    done = subprocess.run([*map(str, command)], env=ENV, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def joined(folder: Path) -> bytes:
    return b"".join(part.read_bytes() for part in sorted(folder.glob("part-*")))


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """`script(text)`: what a Python script prints."""

    def ran(text: str) -> str:
        (tmp_path / "try.py").write_text(textwrap.dedent(text))
        return run(sys.executable, tmp_path / "try.py")

    return ran


# Spark

SPARK = """
    from pyspark import SparkConf, SparkContext
    context = SparkContext("local[1]", conf=SparkConf().set("spark.ui.enabled", "false"))
    context.setLogLevel("OFF")
"""


def test_spark_pipes_lines_through_the_command(given, expected, tmp_path) -> None:
    need("pyspark", program="java")
    run(sys.executable, EXAMPLES / "spark_pipe.py", SEQCLI, given, tmp_path / "out")
    assert len(list((tmp_path / "out").glob("part-*"))) > 1
    assert joined(tmp_path / "out") == expected


def test_spark_answers_rows_by_a_model_that_is_loaded_once_a_task(given, expected, tmp_path) -> None:
    need("pyspark", "pandas", "pyarrow", program="java")
    run(sys.executable, EXAMPLES / "spark_pandas.py", MODEL, given, tmp_path / "out")
    assert joined(tmp_path / "out") == expected


def test_spark_starts_the_command_for_an_empty_partition_too(script, tmp_path) -> None:
    need("pyspark", program="java")
    (tmp_path / "count.sh").write_text(f"echo started >>{tmp_path}/started\nexec /bin/cat\n")
    out = script(f"{SPARK}\n    print(context.parallelize(['a'], 4).pipe('/bin/sh {tmp_path}/count.sh').collect())\n")
    assert out == "['a']\n"
    assert (tmp_path / "started").read_text() == "started\n" * 4


def test_spark_hides_a_failure_unless_told(script) -> None:
    need("pyspark", program="java")
    command = "/bin/sh -c 'read -r line; echo $line; exit 3'"
    text = f"""{SPARK}
    rows = context.parallelize(["a", "b"], 1)
    print(rows.pipe({command!r}).collect())
    try:
        rows.pipe({command!r}, checkCode=True).collect()
    except Exception as error:
        print("PIPE_FUNCTION_EXITED" in str(error))
    """
    assert script(text) == "['a']\nTrue\n"


def test_spark_makes_two_of_an_element_with_a_line_end_and_drops_some(script) -> None:
    need("pyspark", program="java")
    out = script(f"{SPARK}\n    print(context.parallelize(['a\\nb', 'c\\n\\n'], 1).pipe('/bin/cat').collect())\n")
    assert out == "['a', 'b', 'c']\n"


def test_spark_ends_lines_at_carriage_returns_unless_told(script, tmp_path) -> None:
    need("pyspark", program="java")
    (tmp_path / "x.txt").write_bytes(b"a\rb\n")
    assert script(f"{SPARK}\n    print(context.textFile('{tmp_path}/x.txt', 1).collect())\n") == "['a', 'b']\n"


# Ray Data

RAY = """
    import ray
    import ray.data
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
"""


def test_ray_answers_batches_by_actors(given, expected, tmp_path) -> None:
    need("ray", "pyarrow")
    run(sys.executable, EXAMPLES / "ray_data.py", MODEL, given, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == expected


def test_ray_drops_blank_lines_unless_told(script, tmp_path) -> None:
    need("ray", "pyarrow")
    (tmp_path / "x.txt").write_text("a\n\n \nb\n")
    out = script(f"""{RAY}
    for more in ({{}}, {{"drop_empty_lines": False}}):
        print([row["text"] for row in ray.data.read_text('{tmp_path}/x.txt', **more).iter_rows()])
    """)
    assert out == "['a', 'b']\n['a', '', ' ', 'b']\n"


def test_ray_gives_blocks_as_they_are_done_unless_told(script) -> None:
    need("ray", "pyarrow")
    out = script(f"""{RAY}
    import time

    class Slow:
        def __call__(self, batch):
            time.sleep(3 if 0 in batch["id"] else 0)
            return batch

    for told in (False, True):
        context.execution_options.preserve_order = told
        rows = ray.data.range(6, override_num_blocks=6).map_batches(Slow, concurrency=2, num_cpus=0.5)
        print([row["id"] for row in rows.iter_rows()])
    """)
    first, second = out.splitlines()
    assert second == "[0, 1, 2, 3, 4, 5]"
    assert first != second
    assert sorted(first) == sorted(second)


# the shell


def test_parallel(given, expected, tmp_path) -> None:
    need(program="parallel")
    run("bash", EXAMPLES / "parallel.sh", SEQCLI, given, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == expected


def test_parallel_loses_the_order_unless_told(tmp_path) -> None:
    need(program="parallel")
    command = "read -r line; [ $line = 1 ] && sleep 2; echo $line; cat"
    given = "".join(f"{i}\n" for i in range(1, 9))

    def ran(*more: str) -> str:
        line = ["parallel", "--pipe", "--block", "4", "--jobs", "2", *more, command]
        return subprocess.run(line, input=given, capture_output=True, text=True, check=True).stdout

    assert ran("--keep-order") == given
    assert ran() != given


def test_parallel_tells_of_a_command_that_fails(tmp_path, given) -> None:
    need(program="parallel")
    done = subprocess.run(
        ["bash", EXAMPLES / "parallel.sh", "cat >/dev/null; exit 3", given, tmp_path / "out"], check=False
    )
    assert done.returncode == 3


def test_xargs(given, expected, tmp_path) -> None:
    need(program="xargs")
    run("bash", EXAMPLES / "xargs.sh", SEQCLI, given, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == expected
    failed = subprocess.run(["bash", EXAMPLES / "xargs.sh", "false", given, tmp_path / "no"], check=False)
    assert failed.returncode == 123
    assert not (tmp_path / "no").exists()


def test_docs_name_every_example() -> None:
    text = (ROOT / "docs/engines.md").read_text(encoding="utf-8")
    for path in EXAMPLES.iterdir():
        assert f"examples/{path.name}" in text
