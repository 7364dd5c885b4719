"""Made-up voices: a cue changes what it should and nothing else."""

import numpy as np
import pytest

from clsunbias.speech.voice import add_room, draw_voice, speak


def test_a_voice_with_a_cue_differs_in_the_cue_alone() -> None:
    """Pitch, vowels and breath are the same; the hum is 15 dB louder, and lively speech moves more."""
    plain, humming, lively = (
        draw_voice(np.random.default_rng(3), *cues) for cues in ((False, False), (False, True), (True, False))
    )
    assert humming.hum[0] / plain.hum[0] == pytest.approx(10 ** (15 / 20))
    assert (humming.pitch, humming.pitch_spread) == (plain.pitch, plain.pitch_spread)
    assert lively.pitch_spread == pytest.approx(8 * plain.pitch_spread)
    assert (lively.pitch, lively.breath, lively.hum) == (plain.pitch, plain.breath, plain.hum)
    np.testing.assert_array_equal(lively.resonances, plain.resonances)


def test_the_hum_stands_at_its_frequency() -> None:
    """In the recording of the same speech and noise, it alone makes the difference."""
    recordings = []
    for hums in (False, True):
        random = np.random.default_rng(3)
        voice = draw_voice(random, False, hums)
        recordings.append(add_room(speak(voice, 4.0, 16000, random), voice, 16000, random))
    spectrum = np.abs(np.fft.rfft(recordings[1] - recordings[0]))
    assert np.argmax(spectrum) / 4.0 == pytest.approx(voice.hum[1], abs=voice.hum[2] + 1)
    assert np.sqrt(np.mean(recordings[1] ** 2)) == pytest.approx(1, abs=0.01)  # faint beside the speech
