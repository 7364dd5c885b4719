"""Speech corpora: raw trees to manifests, manifests to features, features to batches."""

from clsunbias.speech.frontends import FrontEnd, LogMel, Precomputed, Wav2Vec

__all__ = ["FrontEnd", "LogMel", "Precomputed", "Wav2Vec"]
