"""Simple questions are answered at once by a small model nearby, hard ones by a powerful one, and you see why.

It wants a model called llama3.2 on an arriero or an Ollama here, which is also the judge, and another model somewhere
else: on SGLang, vLLM, an Ollama, or any server that speaks OpenAI's API.
"""

import os

from arriero import SmartRouter

LOCAL_HOST = os.environ.get("LOCAL_HOST", "http://localhost:11434")
REMOTE_HOST = os.environ.get("REMOTE_HOST", "http://localhost:30001")

with SmartRouter(local_host=LOCAL_HOST, remote_host=REMOTE_HOST, local_model="llama3.2") as router:
    for question in ("Hello!", "Explain quantum computing in detail"):
        answer = router.chat(question, verbose=True)
        print(f"{answer['content']}\n({answer['reason']}: {answer['location']})\n")

    # Local only: where that model cannot answer, this is an error, and nobody else is asked.
    answer = router.chat("My password is swordfish. Is it any good?", force_local=True)
    print(answer["content"])
