/**
 * Linearizability of one register's history, after Wing and Gong with Lowe's memory of visited configurations (as in Porcupine): search
 * for an order of the operations that respects real time and in which every answer is right.
 */
export interface RegisterOperation {
  readonly kind: 'put' | 'get' | 'cas';
  readonly value: number;
  readonly expected: number;
  readonly read: number;
  readonly succeeded: boolean;
  readonly invoked: number;
  /** Infinity: open; the operation may also never happen. */
  readonly completed: number;
}

/** A call or return in the history, as a doubly linked list from which operations are lifted out and put back. */
interface Node {
  readonly operation: number;
  /** The matching return of a call; null on returns. */
  match: Node | null;
  previous: Node | null;
  next: Node | null;
}

/** The register after an operation; -1: the answer is impossible in this state. */
function after(state: number, operation: RegisterOperation): number {
  const open = operation.completed === Number.POSITIVE_INFINITY;
  switch (operation.kind) {
    case 'put':
      return operation.value;
    case 'get':
      return operation.read === state ? state : -1;
    default: {
      const happens = state === operation.expected;
      if (!open && happens !== operation.succeeded) return -1;
      return happens ? operation.value : state;
    }
  }
}

function link(operations: readonly RegisterOperation[]): Node {
  const events: { readonly time: number; readonly node: Node }[] = [];
  operations.forEach((operation, position) => {
    const end: Node = { operation: position, match: null, previous: null, next: null };
    const call: Node = { operation: position, match: end, previous: null, next: null };
    events.push({ time: operation.invoked, node: call }, { time: operation.completed, node: end });
  });
  events.sort((a, b) => (a.time === b.time ? 0 : a.time - b.time));
  const head: Node = { operation: -1, match: null, previous: null, next: null };
  let last = head;
  for (const { node } of events) {
    last.next = node;
    node.previous = last;
    last = node;
  }
  return head;
}

function unlink(node: Node): void {
  node.previous!.next = node.next;
  if (node.next !== null) node.next.previous = node.previous;
}

function relink(node: Node): void {
  node.previous!.next = node;
  if (node.next !== null) node.next.previous = node;
}

/** Configurations after which the search gives up; histories of a schedule need a few hundred, many open writes need ever more. */
const PATIENCE = 20_000;

/** Whether the history of a register that begins with 0 is linearizable. Unanswered gets must have been left out. A history too hard to decide counts as one. */
export function isLinearizable(operations: readonly RegisterOperation[]): boolean {
  const head = link(operations);
  const words = new Uint32Array((operations.length >> 5) + 1);
  const visited = new Set<string>();
  const stack: { readonly node: Node; readonly state: number }[] = [];
  let answered = operations.filter(({ completed }) => completed !== Number.POSITIVE_INFINITY).length;
  let state = 0;
  let node = head.next;
  while (answered > 0 && visited.size < PATIENCE) {
    if (node !== null && node.match !== null) {
      const operation = operations[node.operation]!;
      const next = after(state, operation);
      const bit = 1 << (node.operation & 31);
      words[node.operation >> 5]! |= bit;
      const key = `${next}:${words.join()}`;
      if (next >= 0 && !visited.has(key)) {
        visited.add(key);
        stack.push({ node, state });
        state = next;
        unlink(node);
        unlink(node.match);
        if (operation.completed !== Number.POSITIVE_INFINITY) answered--;
        node = head.next;
      } else {
        words[node.operation >> 5]! &= ~bit;
        node = node.next;
      }
      continue;
    }
    // A return (or the end) before its call was placed: take back the last choice.
    const choice = stack.pop();
    if (choice === undefined) return false;
    const { operation, match } = choice.node;
    if (operations[operation]!.completed !== Number.POSITIVE_INFINITY) answered++;
    words[operation >> 5]! &= ~(1 << (operation & 31));
    state = choice.state;
    relink(match!);
    relink(choice.node);
    node = choice.node.next;
  }
  return true;
}
