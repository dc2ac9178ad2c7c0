import fc from 'fast-check';

/** What happens in a run: commands of users and faults, each some seconds after the one before. */

/** Commands name one of three Deployments. */
export const DEPLOYMENTS = ['web-0', 'web-1', 'web-2'] as const;
export const IMAGES = ['app:v1', 'app:v2', 'app:v3', 'app:bad'] as const;
export const NODES = 4;
/** The strategies that `apply` may set; null: Recreate. */
export const STRATEGIES = [
  { maxSurge: '25%', maxUnavailable: '25%' },
  { maxSurge: 1, maxUnavailable: 0 },
  { maxSurge: 0, maxUnavailable: 1 },
  { maxSurge: 3, maxUnavailable: 2 },
  null,
] as const;

export type Action =
  | { readonly do: 'apply'; readonly on: number; readonly replicas: number; readonly image: number; readonly strategy: number }
  | { readonly do: 'scale'; readonly on: number; readonly replicas: number }
  | { readonly do: 'image'; readonly on: number; readonly image: number }
  | { readonly do: 'pause' | 'resume' | 'undo' | 'delete' | 'orphan' | 'conflict'; readonly on: number }
  | { readonly do: 'scaleSet'; readonly replicas: number }
  | { readonly do: 'imageSet'; readonly image: number }
  | { readonly do: 'imageDaemon'; readonly image: number }
  | { readonly do: 'job'; readonly completions: number; readonly parallelism: number; readonly indexed: boolean }
  | { readonly do: 'drain'; readonly node: number; readonly seconds: number }
  | { readonly do: 'apiServer'; readonly index: number; readonly seconds: number }
  | { readonly do: 'etcdLeader'; readonly seconds: number }
  | { readonly do: 'dropWatches'; readonly index: number }
  | { readonly do: 'restartControllers'; readonly seconds: number };

export interface Step {
  /** Seconds after the step before. */
  readonly after: number;
  readonly action: Action;
}

const on = fc.nat(DEPLOYMENTS.length - 1);
const replicas = fc.nat(8);
const seconds = fc.integer({ min: 1, max: 15 });
const image = fc.nat(IMAGES.length - 1);

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('apply' as const), on, replicas, image, strategy: fc.nat(STRATEGIES.length - 1) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('scale' as const), on, replicas }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('image' as const), on, image }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('pause' as const, 'resume', 'undo', 'delete', 'conflict'), on }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('orphan' as const), on }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('scaleSet' as const), replicas: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('imageSet' as const), image: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('imageDaemon' as const), image: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('job' as const), completions: fc.integer({ min: 1, max: 6 }), parallelism: fc.integer({ min: 1, max: 4 }), indexed: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drain' as const), node: fc.nat(NODES - 1), seconds }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('apiServer' as const), index: fc.nat(1), seconds }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('etcdLeader' as const), seconds }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('dropWatches' as const), index: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restartControllers' as const), seconds }) },
);

/** A sequence of steps; shrinks to fewer and simpler ones. */
export const plan: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({ after: fc.constantFrom(0, 0.05, 0.3, 1, 2, 5), action }),
  { minLength: 1, maxLength: 24, size: 'max' },
);
