/** States of a request; 0: the row is free. */
export const TRAVELLING = 1;
export const WAITING = 2;
export const SERVING = 3;
/** Its answer travels back to the proxy that follows it. */
export const ANSWERED = 4;
/** Its own work is done, and it waits for its calls to other Services; `done` holds its row in the call graph. */
export const CALLING = 5;

/** Requests under way as columns; rows are numbered from 1 and reused last in, first out. */
export class RequestTable {
  /** Rows ever used plus one. */
  size = 1;
  sent = new Float64Array(1024);
  /** Number of the request in its stream: the key of its draws. */
  number = new Float64Array(1024);
  /** Travel time of the answer from the pod to the user. */
  back = new Float64Array(1024);
  /** When its service ends. */
  ends = new Float64Array(1024);
  /** Handle of the event that ends its service. */
  done = new Float64Array(1024);
  stream = new Uint16Array(1024);
  address = new Uint32Array(1024);
  next = new Uint32Array(1024);
  previous = new Uint32Array(1024);
  state = new Uint8Array(1024);
  /** The user has given up, and that has been counted. */
  timedOut = new Uint8Array(1024);
  /** Draws of this try begin here, in its stream and of its demand. */
  first = new Uint32Array(1024);
  /** The request of `Calls` whose try this is; 0: nobody follows it, or nobody waits any more. Next try of the same request. */
  call = new Uint32Array(1024);
  peer = new Uint32Array(1024);
  /** Entry node whose balancer counts it, plus one; 0: none. */
  proxy = new Uint32Array(1024);
  /** One way between entry node and pod. */
  inside = new Float64Array(1024);
  /** 0: its answer stays on the machine of its pod; 1: it leaves it; 2 and above: and host number less 2 relays it to users outside. */
  leaves = new Uint32Array(1024);
  /** Machine at which users outside entered before a controller of an Ingress on another machine got the request, plus one; 0: none. */
  relay = new Uint32Array(1024);
  /** Handle of the event that gives the try up, or tells the server that nobody waits. */
  timer = new Float64Array(1024);
  /** When it reached its pod, and when its service began; meaningful while WAITING or SERVING, and when it ends after that. */
  arrived = new Float64Array(1024);
  began = new Float64Array(1024);
  /** Why it failed (see `MECHANISMS`; 0: as its cause says), and how long that had been so already; negative: does not apply. */
  mechanism = new Uint8Array(1024);
  lag = new Float64Array(1024);
  /** Requests that it stands for: more than 1 in a sample. */
  weight = new Float64Array(1024);
  /** The server has taken it from its queue's count: nobody waits for it. */
  dropped = new Uint8Array(1024);
  /** What became of an answered try, and the version that answered. */
  cause = new Uint8Array(1024);
  readonly version: string[] = [''];
  /** Requests under way. */
  used = 0;
  private freeHead = 0;

  /** A row for a new request, travelling. */
  take(): number {
    let row = this.freeHead;
    if (row !== 0) this.freeHead = this.next[row]!;
    else {
      row = this.size++;
      this.version.push('');
      if (row === this.sent.length) this.grow();
    }
    this.state[row] = TRAVELLING;
    this.timedOut[row] = 0;
    this.first[row] = 0;
    this.call[row] = 0;
    this.proxy[row] = 0;
    this.leaves[row] = 0;
    this.relay[row] = 0;
    this.timer[row] = 0;
    this.dropped[row] = 0;
    this.mechanism[row] = 0;
    this.lag[row] = -1;
    this.weight[row] = 1;
    this.used++;
    return row;
  }

  /** Says why a request fails, should it do so, and how long that has been so (negative: does not apply). */
  because(row: number, mechanism: number, lag: number): void {
    this.mechanism[row] = mechanism;
    this.lag[row] = lag;
  }

  /** Gives a row back. */
  free(row: number): void {
    this.state[row] = 0;
    this.next[row] = this.freeHead;
    this.freeHead = row;
    this.used--;
  }

  private grow(): void {
    const size = this.sent.length * 2;
    this.sent = copy(this.sent, new Float64Array(size));
    this.number = copy(this.number, new Float64Array(size));
    this.back = copy(this.back, new Float64Array(size));
    this.ends = copy(this.ends, new Float64Array(size));
    this.done = copy(this.done, new Float64Array(size));
    this.stream = copy(this.stream, new Uint16Array(size));
    this.address = copy(this.address, new Uint32Array(size));
    this.next = copy(this.next, new Uint32Array(size));
    this.previous = copy(this.previous, new Uint32Array(size));
    this.state = copy(this.state, new Uint8Array(size));
    this.first = copy(this.first, new Uint32Array(size));
    this.call = copy(this.call, new Uint32Array(size));
    this.peer = copy(this.peer, new Uint32Array(size));
    this.proxy = copy(this.proxy, new Uint32Array(size));
    this.weight = copy(this.weight, new Float64Array(size));
    this.leaves = copy(this.leaves, new Uint32Array(size));
    this.relay = copy(this.relay, new Uint32Array(size));
    this.inside = copy(this.inside, new Float64Array(size));
    this.arrived = copy(this.arrived, new Float64Array(size));
    this.began = copy(this.began, new Float64Array(size));
    this.mechanism = copy(this.mechanism, new Uint8Array(size));
    this.lag = copy(this.lag, new Float64Array(size));
    this.timer = copy(this.timer, new Float64Array(size));
    this.dropped = copy(this.dropped, new Uint8Array(size));
    this.cause = copy(this.cause, new Uint8Array(size));
    this.timedOut = copy(this.timedOut, new Uint8Array(size));
  }
}

function copy<T extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
