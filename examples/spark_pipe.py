"""Answer the lines of files with Spark, one command for each partition.

    python examples/spark_pipe.py 'seqcli classify -m MODEL' INPUT OUTPUT

INPUT is a file or a folder, OUTPUT a new folder; its part-* files, concatenated, are the answers in order.
"""

import os
import sys

from pyspark.sql import SparkSession

SPLIT = 4 << 20  # bytes of a partition: a command is started for each

command, source, target = sys.argv[1:]
spark = SparkSession.builder.master("local[2]").appName("seqcli").getOrCreate()
context = spark.sparkContext

# Only \n ends a line, as in seqcli: sc.textFile and spark.read.text would also end one at \r.
hadoop = "org.apache.hadoop"
lines = context.newAPIHadoopFile(
    source,
    f"{hadoop}.mapreduce.lib.input.TextInputFormat",
    f"{hadoop}.io.LongWritable",
    f"{hadoop}.io.Text",
    conf={
        "textinputformat.record.delimiter": "\n",
        "mapreduce.input.fileinputformat.split.maxsize": str(SPLIT),
    },
).values()

# Without env, the command has no environment at all, no PATH and no HOME; without checkCode, a failed command
# only seems to have written less.
answers = lines.pipe(command, env=dict(os.environ), checkCode=True)
answers.saveAsTextFile(target)
spark.stop()
