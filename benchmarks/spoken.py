"""Measures what is understood of spoken sentences: `python -m benchmarks.spoken [COUNT]`.

The English sentences of the assistant's `held_out`, which nothing was tuned on, are read out by piper and heard by
Whisper, each as a node has them, and the assistant ranks what was heard. It is one voice without noise: what it tells
is what the model loses, not what a room does.
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import time
from difflib import SequenceMatcher

from benchmarks.assistant.report import engines_for
from benchmarks.assistant.utterances import Utterance, catalogue_offers, read_utterances
from micro.assistant.ranking import CHIPS_MAX, rank
from micro.assistant.sentence import Sentence
from micro.node.config import NodeConfig
from micro.node.posting import post
from micro.node.voicing import open_voice
from micro.trust.policy import Caller
from micro.voice.voice import Voice

OWNER = Caller(owner=True)
COUNT = 40


def words_of(text: str) -> list[str]:
    """Returns the words of a sentence, without capitals and marks."""
    return re.findall(r"[a-z0-9']+", text.lower())


async def heard_of(voice: Voice, utterances: list[Utterance]) -> list[tuple[str, float]]:
    """Returns what is heard of each sentence, and how long that took."""
    found = []
    await voice.prepare(OWNER, "en")
    for utterance in utterances:
        spoken = await voice.speak(OWNER, utterance.say, "en")
        began = time.perf_counter()
        found.append((await voice.hear(OWNER, spoken, "en"), time.perf_counter() - began))
    await voice.close()
    return found


def main(count: int) -> None:
    """Prints how many words are heard, and for how many sentences the right endpoint still comes first."""
    utterances = [one for one in read_utterances("held_out") if one.language == "en" and one.endpoints][:count]
    offers = catalogue_offers()
    engines = engines_for(offers)

    def places(texts: list[str]) -> list[int]:
        """Returns at which place the right endpoint stands for each text."""
        ranked = [[found.offer.name for found in rank(Sentence(text), offers, engines).candidates] for text in texts]
        return [
            next((place for place, name in enumerate(names) if name in utterance.endpoints), len(names))
            for names, utterance in zip(ranked, utterances, strict=True)
        ]

    heard = asyncio.run(heard_of(open_voice(NodeConfig(), post), utterances))
    matched = total = 0
    for utterance, (text, _) in zip(utterances, heard, strict=True):
        said = words_of(utterance.say)
        total += len(said)
        matched += sum(block.size for block in SequenceMatcher(None, said, words_of(text)).get_matching_blocks())
        if words_of(text) != said:
            print(f"  {utterance.say}\n  {text}\n")
    print(f"words heard: {matched} of {total} ({matched / total:.0%})")
    for name, texts in (("written", [one.say for one in utterances]), ("spoken", [text for text, _ in heard])):
        found = places(texts)
        first, three = sum(place == 0 for place in found), sum(place < CHIPS_MAX for place in found)
        print(f"{name}: {first} of {len(found)} come first, {three} are among the first three")
    print(f"heard within {statistics.median(seconds for _, seconds in heard):.2f} s, the median")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
