/** Requests that are followed until their users have an answer, as columns; rows are numbered from 1 and reused last in, first out. */
export class CallTable {
  /** Requests under way. */
  used = 0;
  /** Number of the request in its stream: the key of its draws. */
  number = new Float64Array(256);
  sent = new Float64Array(256);
  /** One way between the user and the cluster's edge. */
  external = new Float64Array(256);
  /** Handles of events: the user gives up, the next retry, the next hedge; 0: none. */
  timeout = new Float64Array(256);
  retry = new Float64Array(256);
  hedge = new Float64Array(256);
  user = new Uint32Array(256);
  entry = new Uint32Array(256);
  /** Newest try without answer, in the table of requests; 0: none. */
  open = new Uint32Array(256);
  /** Tries, retries and hedges so far. */
  tries = new Uint16Array(256);
  retried = new Uint16Array(256);
  hedged = new Uint16Array(256);
  /** Why the newest try that ended has failed, as in the table of requests. */
  mechanism = new Uint8Array(256);
  lag = new Float64Array(256);
  private size = 1;
  private freeHead = 0;

  /** A row for a new request. */
  take(): number {
    let row = this.freeHead;
    if (row !== 0) this.freeHead = this.open[row]!;
    else {
      row = this.size++;
      if (row === this.sent.length) this.grow();
    }
    this.timeout[row] = 0;
    this.retry[row] = 0;
    this.hedge[row] = 0;
    this.open[row] = 0;
    this.tries[row] = 0;
    this.retried[row] = 0;
    this.hedged[row] = 0;
    this.mechanism[row] = 0;
    this.lag[row] = -1;
    this.used++;
    return row;
  }

  /** Gives a row back. */
  free(row: number): void {
    this.open[row] = this.freeHead;
    this.freeHead = row;
    this.used--;
  }

  private grow(): void {
    const size = this.sent.length * 2;
    this.number = copy(this.number, new Float64Array(size));
    this.sent = copy(this.sent, new Float64Array(size));
    this.external = copy(this.external, new Float64Array(size));
    this.timeout = copy(this.timeout, new Float64Array(size));
    this.retry = copy(this.retry, new Float64Array(size));
    this.hedge = copy(this.hedge, new Float64Array(size));
    this.user = copy(this.user, new Uint32Array(size));
    this.entry = copy(this.entry, new Uint32Array(size));
    this.open = copy(this.open, new Uint32Array(size));
    this.tries = copy(this.tries, new Uint16Array(size));
    this.retried = copy(this.retried, new Uint16Array(size));
    this.mechanism = copy(this.mechanism, new Uint8Array(size));
    this.lag = copy(this.lag, new Float64Array(size));
    this.hedged = copy(this.hedged, new Uint16Array(size));
  }
}

function copy<T extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
