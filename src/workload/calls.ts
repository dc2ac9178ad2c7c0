import type { Component, Simulation } from '../kernel/simulation.js';
import type { Time } from '../kernel/time.js';
import type { DrawCursor } from '../node/draws.js';
import type { TrafficSpec } from '../scenario/types.js';
import { CallTable } from './call-table.js';
import type { PodServers } from './pods.js';
import { ANSWERED } from './request-table.js';
import { RetryBudget } from './retry-budget.js';
import { type Router, TRY_STRIDE } from './router.js';
import type { ServiceStatistics } from './statistics.js';
import { timeoutMechanism } from './timeouts.js';
import { CIRCUIT_OPEN, SUCCESS, TIMEOUT } from './statistics.js';

/** The user gives up; argument: call. */
const OP_TIMEOUT = 1;
/** The answer to a try reaches the entry node; argument: request. */
const OP_ANSWER = 2;
/** A try has had no answer for too long; argument: request. */
const OP_TRY_TIMEOUT = 3;
/** The back-off is over; argument: call. */
const OP_RETRY = 4;
/** Time for another try beside the one that is open; argument: call. */
const OP_HEDGE = 5;

/** Draw of a try for its back-off. */
const DRAW_BACK_OFF = 4;

/** Users that wait for their answers. */
export interface WaitingUsers {
  /** A user has an answer (or an error: see `CAUSES`), or has given up, at a time not in the past. */
  thinks(user: number, from: Time, cause: number): void;
}

/**
 * Requests that the proxy of their entry node follows until they are answered: it sends failed tries again, hedges, breaks circuits
 * and gives up in time. Every request counts once in the statistics, whatever the number of its tries.
 */
export class Calls implements Component {
  readonly name: string;
  /** Tries sent, and of them retries and hedges; retries that the budget forbade. */
  tries = 0;
  retries = 0;
  hedges = 0;
  overBudget = 0;
  private readonly simulation: Simulation;
  private readonly draws: DrawCursor;
  private readonly spec: TrafficSpec;
  private readonly pods: PodServers;
  private readonly router: Router;
  private readonly statistics: ServiceStatistics;
  private readonly users: WaitingUsers | undefined;
  private readonly budget: RetryBudget | null;
  private readonly table = new CallTable();
  private readonly target: number;
  private stream = 0;

  constructor(
    name: string,
    simulation: Simulation,
    draws: DrawCursor,
    spec: TrafficSpec,
    pods: PodServers,
    router: Router,
    statistics: ServiceStatistics,
    users: WaitingUsers | undefined,
  ) {
    this.name = name;
    this.simulation = simulation;
    this.draws = draws;
    this.spec = spec;
    this.pods = pods;
    this.router = router;
    this.statistics = statistics;
    this.users = users;
    const budget = spec.retries?.budget;
    this.budget = budget === undefined ? null : new RetryBudget(budget.share, budget.minimumRate);
    this.target = simulation.add(this);
  }

  /** Tells the number of the stream of requests. */
  open(stream: number): void {
    this.stream = stream;
  }

  /** Requests under way. */
  get used(): number {
    return this.table.used;
  }

  /** The user of the request whose try this is. */
  userOf(request: number): number {
    return this.table.user[this.pods.requests.call[request]!]!;
  }

  /** A request enters now, at node `from` if the sender knows it; its user sent it `external` ago. */
  begin(number: number, user: number, external: number, from?: number): void {
    const { simulation, table } = this;
    const call = table.take();
    table.number[call] = number;
    table.user[call] = user;
    table.sent[call] = simulation.now - external;
    table.external[call] = external;
    const giveUp = table.sent[call]! + this.spec.timeout;
    table.timeout[call] = simulation.scheduleAt(Math.max(giveUp, simulation.now), this.target, OP_TIMEOUT, call);
    const entry = from ?? this.router.entry(number);
    if (entry < 0) {
      table.entry[call] = 0;
      this.failLater(call);
      return;
    }
    table.entry[call] = entry;
    this.budget?.deposit(simulation.now);
    if (this.launch(call)) this.armHedge(call);
    else this.finish(call, '', CIRCUIT_OPEN);
  }

  /** The entry node is gone: a try that no proxy sends ends after the connection timeout. */
  private failLater(call: number): void {
    this.table.retried[call] = this.spec.retries?.maximum ?? 0;
    this.router.unreachable(this.take(call));
  }

  private take(call: number): number {
    const { table } = this;
    const { requests } = this.pods;
    const request = requests.take();
    requests.stream[request] = this.stream;
    requests.number[request] = table.number[call]!;
    requests.first[request] = table.tries[call]! * TRY_STRIDE;
    requests.sent[request] = this.simulation.now;
    requests.back[request] = 0;
    requests.call[request] = call;
    requests.peer[request] = table.open[call]!;
    table.open[call] = request;
    table.tries[call]!++;
    return request;
  }

  /** Sends a try; false when the circuit is open. */
  private launch(call: number): boolean {
    const { table, simulation } = this;
    const entry = table.entry[call]!;
    const { balancer } = this.router;
    if (balancer !== null && !balancer.admits(entry)) return false;
    const request = this.take(call);
    this.tries++;
    const limit = this.spec.retries?.tryTimeout;
    if (limit !== undefined) this.pods.requests.timer[request] = simulation.schedule(limit, this.target, OP_TRY_TIMEOUT, request);
    this.router.forward(request, entry);
    return true;
  }

  private armHedge(call: number): void {
    const { hedge } = this.spec;
    const { table } = this;
    if (hedge === undefined || table.hedged[call]! >= hedge.maximum) return;
    table.hedge[call] = this.simulation.schedule(hedge.after, this.target, OP_HEDGE, call);
  }

  /** A try ends at its server, or on its way, at `time`: its answer travels back. Called by the pods. */
  ended(request: number, version: string, cause: number, time: Time): void {
    const { requests } = this.pods;
    if (requests.call[request] === 0) {
      // Nobody waits for it any more.
      this.simulation.cancel(requests.timer[request]!);
      requests.free(request);
      return;
    }
    requests.state[request] = ANSWERED;
    requests.cause[request] = cause;
    requests.version[request] = version;
    const at = Math.max(this.simulation.now, time + requests.back[request]!);
    requests.done[request] = this.simulation.scheduleAt(at, this.target, OP_ANSWER, request);
  }

  describe(opcode: number): string {
    if (opcode === OP_TIMEOUT) return 'a user gives up';
    if (opcode === OP_ANSWER) return 'an answer returns';
    if (opcode === OP_TRY_TIMEOUT) return 'a try is given up';
    return opcode === OP_RETRY ? 'a request is tried again' : 'a request is hedged';
  }

  handle(opcode: number, argument: number): void {
    const { table } = this;
    switch (opcode) {
      case OP_ANSWER:
        this.answer(argument);
        return;
      case OP_TRY_TIMEOUT:
        this.tryTimeout(argument);
        return;
      case OP_TIMEOUT:
        table.timeout[argument] = 0;
        this.gaveUp(argument);
        this.finish(argument, this.versionOf(argument), TIMEOUT);
        return;
      case OP_RETRY:
        table.retry[argument] = 0;
        if (this.launch(argument)) this.retries++;
        else if (table.open[argument] === 0) this.finish(argument, '', CIRCUIT_OPEN);
        return;
      default:
        table.hedge[argument] = 0;
        table.hedged[argument]!++;
        if (this.launch(argument)) this.hedges++;
        this.armHedge(argument);
    }
  }

  private answer(request: number): void {
    const { requests } = this.pods;
    const call = requests.call[request]!;
    const cause = requests.cause[request]!;
    const version = requests.version[request]!;
    requests.done[request] = 0;
    // An answer that comes too late is a timeout: where the request spent its time is known now.
    this.remember(call, cause === SUCCESS ? timeoutMechanism(this.pods.requests, request, this.simulation.now) : requests.mechanism[request]!, requests.lag[request]!);
    this.judge(request, cause !== SUCCESS);
    this.detach(request, call);
    requests.free(request);
    if (cause === SUCCESS) this.finish(call, version, SUCCESS);
    else this.failed(call, version, cause);
  }

  /** How the newest try of a request went, should the request fail. */
  private remember(call: number, mechanism: number, lag: number): void {
    this.table.mechanism[call] = mechanism;
    this.table.lag[call] = lag;
  }

  /** The user of a request gives up: what its newest open try did, or else how the one before failed. */
  private gaveUp(call: number): void {
    const request = this.table.open[call]!;
    if (request !== 0) this.remember(call, timeoutMechanism(this.pods.requests, request, this.simulation.now), -1);
  }

  private tryTimeout(request: number): void {
    const { requests } = this.pods;
    const call = requests.call[request]!;
    requests.timer[request] = 0;
    const version = this.pods.versionOf(request);
    this.remember(call, timeoutMechanism(this.pods.requests, request, this.simulation.now), -1);
    this.judge(request, true);
    this.detach(request, call);
    this.abandon(request);
    this.failed(call, version, TIMEOUT);
  }

  /** Outlier detection hears of an answer, or of none. */
  private judge(request: number, failed: boolean): void {
    const { requests } = this.pods;
    const proxy = requests.proxy[request]!;
    if (proxy === 0 || this.spec.breaker?.consecutiveErrors === undefined) return;
    const { addresses } = this.router.view(proxy - 1);
    this.router.balancer!.answered(proxy - 1, requests.address[request]!, failed, addresses, this.simulation.now);
  }

  /** A try has failed: again after the back-off, if that is allowed; else the request has failed unless another try is open. */
  private failed(call: number, version: string, cause: number): void {
    const { table, simulation } = this;
    const { retries } = this.spec;
    if (retries !== undefined && table.retried[call]! < retries.maximum && table.retry[call] === 0) {
      if (this.budget === null || this.budget.withdraw(simulation.now)) {
        const n = table.retried[call]!++;
        let longest = retries.backOff.base;
        for (let i = 0; i < n && longest < retries.backOff.maximum; i++) longest *= 2;
        longest = Math.min(longest, retries.backOff.maximum);
        const wait = longest * this.draws.at(table.number[call]!, table.tries[call]! * TRY_STRIDE + DRAW_BACK_OFF).next();
        table.retry[call] = simulation.schedule(wait, this.target, OP_RETRY, call);
        return;
      }
      this.overBudget++;
    }
    if (table.open[call] === 0 && table.retry[call] === 0) this.finish(call, version, cause);
  }

  /** The request is over: the user hears of it, everything still under way for it is abandoned. */
  private finish(call: number, version: string, cause: number): void {
    const { simulation, table, pods } = this;
    simulation.cancel(table.timeout[call]!);
    simulation.cancel(table.retry[call]!);
    simulation.cancel(table.hedge[call]!);
    for (let request = table.open[call]!; request !== 0; ) {
      const next = pods.requests.peer[request]!;
      this.detach(request, call);
      this.abandon(request);
      request = next;
    }
    const sent = table.sent[call]!;
    const giveUp = sent + this.spec.timeout;
    let end = simulation.now + table.external[call]!;
    if (end > giveUp || cause === TIMEOUT) {
      // An answer that comes too late is none; a try's timeout ends the request before the user gives up.
      if (end > giveUp) end = giveUp;
      cause = TIMEOUT;
    }
    this.statistics.record(version, cause, sent, end, table.mechanism[call]!, table.lag[call]!);
    const user = table.user[call]!;
    table.free(call);
    this.users?.thinks(user, Math.max(end, simulation.now), cause);
  }

  /** Takes a try off its request. */
  private detach(request: number, call: number): void {
    const { requests } = this.pods;
    const { table } = this;
    const next = requests.peer[request]!;
    if (table.open[call] === request) table.open[call] = next;
    else {
      let before = table.open[call]!;
      while (requests.peer[before] !== request) before = requests.peer[before]!;
      requests.peer[before] = next;
    }
    requests.call[request] = 0;
    this.simulation.cancel(requests.timer[request]!);
    requests.timer[request] = 0;
    const proxy = requests.proxy[request]!;
    if (proxy !== 0) {
      const cause = requests.state[request] === ANSWERED ? requests.cause[request]! : TIMEOUT;
      (this.router.connector ?? this.router.balancer!).release(proxy - 1, requests.address[request]!, request, cause);
    }
    requests.proxy[request] = 0;
  }

  /** Nobody waits for a try: its server goes on with it, or is told. */
  private abandon(request: number): void {
    const { requests } = this.pods;
    if (requests.state[request] === ANSWERED) {
      this.simulation.cancel(requests.done[request]!);
      requests.free(request);
    } else if (this.spec.cancels === true) this.pods.cancelLater(request);
  }

  /** Version of the pod that holds the newest try of a request. */
  private versionOf(call: number): string {
    const request = this.table.open[call]!;
    return request === 0 ? '' : this.pods.versionOf(request);
  }
}
