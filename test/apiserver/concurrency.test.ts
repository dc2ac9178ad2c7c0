import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubernetesObject } from '../../src/api/meta.js';
import type { ApiRequest, ApiResponse, ResponseReceiver } from '../../src/apiserver/request.js';
import { RestClient } from '../../src/client/rest-client.js';
import type { Simulation } from '../../src/kernel/simulation.js';
import { Answers, configMap, create, setUp } from '../client/harness.js';
import { Increment, nothingLost, Writer } from './counters.js';

const NAMES = ['a', 'b'];

test('no lost update: each successful update saw the version that it replaced, over random writers, servers and failures', () => {
  let conflicts = 0;
  let writes = 0;
  const step = fc.record({ kind: fc.constantFrom('update', 'update', 'patch', 'fail', 'heal'), name: fc.nat(1), server: fc.nat(2), wait: fc.nat(2_500_000) });
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
      const { simulation, connections, etcd, clientHost } = setUp(3);
      const clients = [0, 1, 2].map((server) => new RestClient(simulation, connections, `writer-${server}`, clientHost, server, 0, 0));
      for (const name of NAMES) clients[0]!.request(create(name), new Answers(), 0);
      simulation.run(simulation.now + 1e9);
      const writers: { readonly name: string; readonly writer: Writer }[] = [];
      const patches = new Answers();
      for (const { kind, name, server, wait } of steps) {
        if (kind === 'fail') connections.servers[server]!.fail();
        else if (kind === 'heal') connections.servers[server]!.heal();
        else if (kind === 'patch') {
          const request: ApiRequest = { verb: 'patch', resource: 'configmaps', namespace: 'n', name: NAMES[name]!, patch: new Increment() };
          clients[server]!.request(request, patches, 0);
        } else {
          const writer = new Writer(clients[server]!, NAMES[name]!);
          writers.push({ name: NAMES[name]!, writer });
          writer.read();
        }
        simulation.run(simulation.now + wait);
      }
      for (const server of connections.servers) server.heal();
      simulation.run(simulation.now + 100e9);
      for (const name of NAMES) {
        const versions = etcd.history.filter(({ key }) => key === `/registry/configmaps/n/${name}`).map(({ event }) => event.kv);
        const found = nothingLost(name, versions, writers);
        conflicts += found.conflicts;
        writes += found.writes;
      }
    }),
    { numRuns: 100 },
  );
  // The steps are drawn anew in each run: 500 to 600 writes are usual.
  assert.ok(conflicts > 100 && writes > 300, `${conflicts} conflicts and ${writes} writes`);
});

class Timed implements ResponseReceiver {
  readonly list: { readonly code: number; readonly message: string | undefined; readonly at: number }[] = [];
  private readonly simulation: Simulation;
  constructor(simulation: Simulation) {
    this.simulation = simulation;
  }
  receive(_tag: number, { code, message }: ApiResponse): void {
    this.list.push({ code, message, at: this.simulation.now });
  }
}

test('a request that etcd does not answer is answered 504 after 60 s; what etcd says later harms nobody', () => {
  const { simulation, client, etcd } = setUp(1);
  const answers = new Timed(simulation);
  etcd.hold = true;
  client.request(create('a'), answers, 0);
  simulation.run(simulation.now + 10e9);
  client.request(create('b'), answers, 1);
  simulation.run(65e9);
  const message = 'Timeout: request did not complete within requested timeout - context deadline exceeded';
  assert.deepEqual(answers.list.map(({ code, message: text }) => [code, text]), [[504, message]]);
  assert.ok(answers.list[0]!.at > 60e9 && answers.list[0]!.at < 60.001e9);
  etcd.release();
  simulation.run(simulation.now + 1e9);
  assert.deepEqual(answers.list.map(({ code }) => code), [504, 201]);
  // The slots of both are used again.
  for (const name of ['c', 'd', 'e']) client.request(create(name), answers, 2);
  simulation.run(simulation.now + 1e9);
  assert.deepEqual(answers.list.map(({ code }) => code), [504, 201, 201, 201, 201]);
});

test('bodies and objects that are too large are refused in the words of the server', () => {
  const { simulation, client } = setUp(1);
  const sized = (bytes: number) => ({ ...configMap('big'), data: { k: 'x'.repeat(bytes) } }) as KubernetesObject;
  const refusal = (body: KubernetesObject) => {
    const answers = new Answers();
    client.request({ verb: 'create', resource: 'configmaps', namespace: 'n', name: 'big', body }, answers, 0);
    simulation.run(simulation.now + 1e9);
    const { code, reason, message } = answers.list[0]!;
    return `${code} ${reason}: ${message}`;
  };
  assert.equal(refusal(sized(4_000_000)), '413 RequestEntityTooLarge: Request entity too large: limit is 3145728');
  assert.equal(refusal(sized(1_048_576)), '422 Invalid: ConfigMap "big" is invalid: []: Too long: may not be more than 1048576 bytes');
  const annotated = { ...configMap('big'), metadata: { ...configMap('big').metadata, annotations: { a: 'x'.repeat(262144) } } };
  assert.equal(refusal(annotated), '422 Invalid: ConfigMap "big" is invalid: metadata.annotations: Too long: may not be more than 262144 bytes');
});
