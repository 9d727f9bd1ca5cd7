"""Takes llama-server's flags and variables and serves with the wheel: the part of a binary that a user brings."""

import argparse
import os
import threading

import xllamacpp

flags = argparse.ArgumentParser(allow_abbrev=False)
flags.add_argument("--model", required=True)
flags.add_argument("--host", required=True)
flags.add_argument("--port", type=int, required=True)
flags.add_argument("--ctx-size", type=int, required=True)
flags.add_argument("--parallel", type=int, required=True)
flags.add_argument("--pooling", choices=["mean"])
flags.add_argument("--batch-size", type=int, required=True)
flags.add_argument("--ubatch-size", type=int, required=True)
given = flags.parse_args()

params = xllamacpp.CommonParams()
params.model.path = given.model
params.hostnames = [given.host]
params.port = given.port
params.n_ctx = given.ctx_size
params.n_parallel = given.parallel
params.n_batch = given.batch_size
params.n_ubatch = given.ubatch_size
params.embedding = os.environ["LLAMA_ARG_EMBEDDINGS"] == "1"
if given.pooling:
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
params.n_threads_http = int(os.environ["LLAMA_ARG_THREADS_HTTP"])
params.cache_ram_mib = int(os.environ["LLAMA_ARG_CACHE_RAM"])
params.api_keys = [os.environ["LLAMA_API_KEY"]]
server = xllamacpp.Server(params)
threading.Event().wait()
