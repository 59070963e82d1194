"""Looks for words between borders of words by pyahocorasick: `python peer.py WORDS.json MESSAGES.json`.

Prints its nanoseconds a message. Folds case and nothing else; stops at a message's first hit, as ours does.
"""

import json
import sys
import time

import ahocorasick

with open(sys.argv[1], encoding="utf-8") as file:
    words = json.load(file)
with open(sys.argv[2], encoding="utf-8") as file:
    messages = json.load(file)

automaton = ahocorasick.Automaton()
for word in words:
    automaton.add_word(word.lower(), len(word))
automaton.make_automaton()


def find(message):
    text = message.lower()
    for end, length in automaton.iter(text):
        start = end - length + 1
        if (start == 0 or not text[start - 1].isalnum()) and (end + 1 == len(text) or not text[end + 1].isalnum()):
            return True
    return False


best = float("inf")
for _ in range(5):
    begun = time.perf_counter_ns()
    for message in messages:
        find(message)
    best = min(best, (time.perf_counter_ns() - begun) / len(messages))
print(json.dumps({"ns": best}))
