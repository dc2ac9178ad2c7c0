// The benchmark programs on C++'s std::priority_queue, without an engine: the floor that a hand-written program sets.
// g++ -O3 -march=native -std=c++17 -o native native.cpp
// native hold INCREMENTS SCALE N WARM EVENTS ROUNDS | native phold INCREMENTS SCALE EVENTS ROUNDS | native mm1 CUSTOMERS ROUNDS
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <queue>
#include <vector>

struct Event {
  double time;
  uint64_t sequence;
  int32_t payload;
};

struct Later {
  bool operator()(const Event& a, const Event& b) const {
    return a.time > b.time || (a.time == b.time && a.sequence > b.sequence);
  }
};

using Queue = std::priority_queue<Event, std::vector<Event>, Later>;
using Clock = std::chrono::steady_clock;

static const size_t MASK = 16383;
static std::vector<double> increments;

static double nanoseconds(Clock::time_point from) { return std::chrono::duration<double, std::nano>(Clock::now() - from).count(); }

static void load(const char* file, double scale) {
  increments.resize(MASK + 1);
  FILE* f = fopen(file, "rb");
  if (!f || fread(increments.data(), 8, MASK + 1, f) != MASK + 1) exit(1);
  fclose(f);
  for (double& x : increments) x = std::round(x * scale);
}

static void report(double best, double clock) { printf("{\"ns\":%.2f,\"clock\":\"%.17g\"}\n", best, clock); }

static void hold(long n, long warm, long events, int rounds) {
  Queue queue;
  uint64_t sequence = 0;
  double now = 0;
  size_t k = 0;
  for (long i = 0; i < n; i++) {
    queue.push({increments[k], sequence++, (int32_t)i});
    k = (k + 1) & MASK;
  }
  auto go = [&](long count) {
    for (long i = 0; i < count; i++) {
      Event e = queue.top();
      queue.pop();
      now = e.time;
      queue.push({now + increments[k], sequence++, e.payload});
      k = (k + 1) & MASK;
    }
  };
  go(warm);
  double best = INFINITY;
  for (int round = 0; round < rounds; round++) {
    auto start = Clock::now();
    go(events);
    best = std::min(best, nanoseconds(start) / events);
  }
  report(best, now);
}

static void phold(double scale, long events, int rounds) {
  struct Actor {
    uint32_t state, sent;
  };
  const int actors = 1000, messages = 16;
  const double base = std::round(0.1 * scale);
  std::vector<Actor> all(actors);
  Queue queue;
  uint64_t sequence = 0;
  double now = 0;
  auto send = [&](int from) {
    Actor& actor = all[from];
    actor.state = actor.state * 1664525u + 1013904223u;
    uint32_t sent = actor.sent++;
    queue.push({now + (base + increments[(from * messages + sent) & MASK]), sequence++, (int32_t)((actor.state >> 8) % actors)});
  };
  for (int i = 0; i < actors; i++) all[i] = {i * 2654435761u, 0};
  for (int i = 0; i < actors; i++)
    for (int message = 0; message < messages; message++) send(i);
  double best = INFINITY;
  for (int round = 0; round < rounds; round++) {
    auto start = Clock::now();
    for (long i = 0; i < events; i++) {
      Event e = queue.top();
      queue.pop();
      now = e.time;
      send(e.payload);
    }
    best = std::min(best, nanoseconds(start) / events);
  }
  report(best, now);
}

struct Uniform {
  uint64_t state;
  double exponential(double rate) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return -std::log(((state >> 11) + 0.5) / 9007199254740992.0) / rate;
  }
};

static void mm1(long customers, int rounds) {
  double best = INFINITY, mean = 0;
  for (int round = 0; round < rounds; round++) {
    auto start = Clock::now();
    Uniform arrivals{88172645463325252ull}, services{998172645463325252ull};
    Queue queue;
    std::deque<double> waiting;
    uint64_t sequence = 0;
    double now = 0, total = 0;
    long left = customers;
    queue.push({arrivals.exponential(0.9), sequence++, 0});
    while (!queue.empty()) {
      Event e = queue.top();
      queue.pop();
      now = e.time;
      if (e.payload == 0) {
        waiting.push_back(now);
        if (waiting.size() == 1) queue.push({now + services.exponential(1), sequence++, 1});
        if (--left) queue.push({now + arrivals.exponential(0.9), sequence++, 0});
      } else {
        total += now - waiting.front();
        waiting.pop_front();
        if (!waiting.empty()) queue.push({now + services.exponential(1), sequence++, 1});
      }
    }
    best = std::min(best, nanoseconds(start) / customers);
    mean = total / customers;
  }
  report(best, mean);
}

int main(int count, char** a) {
  if (count == 8 && !strcmp(a[1], "hold")) {
    load(a[2], atof(a[3]));
    hold(atol(a[4]), atol(a[5]), atol(a[6]), atoi(a[7]));
  } else if (count == 6 && !strcmp(a[1], "phold")) {
    load(a[2], atof(a[3]));
    phold(atof(a[3]), atol(a[4]), atoi(a[5]));
  } else if (count == 4 && !strcmp(a[1], "mm1")) {
    mm1(atol(a[2]), atoi(a[3]));
  } else {
    return 2;
  }
}
