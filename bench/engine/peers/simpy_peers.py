"""The benchmark programs in SimPy, a process for each of what is a process in the models.
python simpy_peers.py hold INCREMENTS SCALE N WARM EVENTS ROUNDS | phold INCREMENTS SCALE EVENTS ROUNDS | mm1 CUSTOMERS ROUNDS
"""
import json
import random
import struct
import sys
import time

import simpy

MASK = 16383


def load(file, scale):
    with open(file, "rb") as f:
        return [float(round(x * scale)) for x in struct.unpack("<16384d", f.read())]


def report(ns, clock):
    print(json.dumps({"ns": ns, "clock": clock}))


def hold(increments, n, warm, events, rounds):
    env = simpy.Environment()
    state = [0]

    def process():
        while True:
            k = state[0]
            state[0] = k + 1
            yield env.timeout(increments[k & MASK])

    for _ in range(n):
        env.process(process())
    for _ in range(n + warm):
        env.step()
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(events):
            env.step()
        best = min(best, (time.perf_counter() - start) / events * 1e9)
    report(best, env.now)


def phold(increments, scale, events, rounds):
    env = simpy.Environment()
    actors, messages = 1000, 16
    base = float(round(0.1 * scale))
    state = [i * 2654435761 & 0xFFFFFFFF for i in range(actors)]
    sent = [0] * actors
    boxes = [simpy.Store(env) for _ in range(actors)]
    done = [0]

    def send(source):
        r = (state[source] * 1664525 + 1013904223) & 0xFFFFFFFF
        state[source] = r
        c = sent[source]
        sent[source] = c + 1
        event = env.timeout(base + increments[(source * messages + c) & MASK], (r >> 8) % actors)
        event.callbacks.append(lambda e: boxes[e._value].put(1))

    def actor(number):
        while True:
            yield boxes[number].get()
            done[0] += 1
            send(number)

    for number in range(actors):
        env.process(actor(number))
    for number in range(actors):
        for _ in range(messages):
            send(number)
    best = float("inf")
    for _ in range(rounds):
        done[0] = 0
        start = time.perf_counter()
        while done[0] < events:
            env.step()
        best = min(best, (time.perf_counter() - start) / events * 1e9)
    report(best, env.now)


def mm1(customers, rounds):
    best = float("inf")
    mean = 0.0
    for _ in range(rounds):
        random.seed(1)
        env = simpy.Environment()
        server = simpy.Resource(env, 1)
        total = [0.0]

        def customer():
            arrived = env.now
            with server.request() as request:
                yield request
                yield env.timeout(random.expovariate(1.0))
            total[0] += env.now - arrived

        def arrivals():
            for _ in range(customers):
                yield env.timeout(random.expovariate(0.9))
                env.process(customer())

        env.process(arrivals())
        start = time.perf_counter()
        env.run()
        best = min(best, (time.perf_counter() - start) / customers * 1e9)
        mean = total[0] / customers
    report(best, mean)


if sys.argv[1] == "hold":
    hold(load(sys.argv[2], float(sys.argv[3])), *map(int, sys.argv[4:8]))
elif sys.argv[1] == "phold":
    phold(load(sys.argv[2], float(sys.argv[3])), float(sys.argv[3]), *map(int, sys.argv[4:6]))
else:
    mm1(*map(int, sys.argv[2:4]))
