"""The kinds of inputs."""

from tests.fuzz import caches, configs, corpora, images, results, tables, weights
from tests.fuzz.cases import Kind

KINDS = {
    "table": Kind(tables.cases, tables.read, share=500),
    "config": Kind(configs.config_cases, configs.read_config, share=250),
    "grid": Kind(configs.grid_cases, configs.read_grid, share=150),
    "recordings": Kind(corpora.manifest_cases, corpora.read_manifest, share=200),
    "transcript": Kind(corpora.transcript_cases, corpora.read_transcripts, share=200),
    "features": Kind(caches.cases, caches.read, share=150, keeps=False),
    "npz": Kind(images.cases, images.read, share=100),
    "checkpoint": Kind(weights.checkpoint_cases, weights.read_checkpoint, share=120),
    "resume": Kind(weights.resume_cases, weights.read_resume, share=80, keeps=False),
    "record": Kind(results.cases, results.read, share=250),
}
