"""Answer the lines of a file with Spark, using a model that each task loads once.

    python examples/spark_pandas.py MODEL INPUT OUTPUT

OUTPUT is a new folder; its part-* files, concatenated, are the answers in order.
"""

import sys
from collections.abc import Iterator

import pandas
from pyspark.sql import SparkSession

model, source, target = sys.argv[1:]
spark = SparkSession.builder.master("local[2]").appName("seqcli").getOrCreate()
spark.conf.set("spark.sql.files.maxPartitionBytes", 4 << 20)


def answer(batches: Iterator[pandas.DataFrame]) -> Iterator[pandas.DataFrame]:
    """Yield the rows with an additional column. Runs in Spark's workers, so seqcli must be installed there."""
    import seqcli

    own = seqcli.load(model)
    for batch in batches:
        yield batch.assign(answer=list(own.filter(batch["value"])))


rows = spark.read.text(source, lineSep="\n")  # without lineSep, \r ends a line too
answered = rows.mapInPandas(answer, "value string, answer string")
answered.select("answer").write.text(target, lineSep="\n")
spark.stop()
