"""distilabel: articles into `TextGeneration` with `OpenAILLM`, plain text out. Needs an environment of its own."""

from __future__ import annotations

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

from peers.rows import Task


def main(task: Task) -> None:
    with Pipeline("faults", cache_dir=f"{task.folder}/cache") as pipeline:
        articles = LoadDataFromDicts(
            data=[{"id": item.id, "instruction": item.prompt} for item in task.items()], batch_size=task.in_flight
        )
        model = OpenAILLM(
            model=task.model,
            base_url=task.base_url,
            timeout=task.timeout_s,
            generation_kwargs={"max_new_tokens": 1_000},
        )
        articles >> TextGeneration(llm=model, input_batch_size=task.in_flight)
    found = pipeline.run(use_cache=True)
    rows = found["default"]["train"] if found else []
    task.write([(row["id"], row["generation"]) for row in rows])
