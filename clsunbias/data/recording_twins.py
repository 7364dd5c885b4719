"""Speakers of different splits who share sound: copies of recordings, equal or nearly so."""

from collections.abc import Mapping

from clsunbias.data.twins import Twin
from clsunbias.speech.features import recordings_hash
from clsunbias.speech.landmarks import landmarks, shared_speech
from clsunbias.speech.manifest import Manifest
from clsunbias.speech.near_copies import near_copies


def recording_twins(manifest: Manifest, split_of: Mapping[str, str]) -> list[Twin]:
    """Each pair once: as equal where samples are the same but for loudness, else as near.

    Args:
        manifest: of the corpus.
        split_of: each speaker's split.
    """
    key = recordings_hash(manifest)
    equal = list(shared_speech(landmarks(manifest, key), split_of))
    known = {frozenset(pair) for pair in equal}
    near = [
        (one, other)
        for one, other in near_copies(manifest, key)
        if split_of[one] != split_of[other] and frozenset((one, other)) not in known
    ]
    return [
        *(Twin("equal", split_of[one], one, split_of[other], other) for one, other in equal),
        *(Twin("near", split_of[one], one, split_of[other], other) for one, other in near),
    ]
