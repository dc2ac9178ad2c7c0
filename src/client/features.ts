import type { Scenario } from '../scenario/types.js';

/** What an informer keeps deltas in: RealFIFO (gate InOrderInformers, on since 1.33) or the classic DeltaFIFO. */
export type DeltaQueueName = 'RealFIFO' | 'DeltaFIFO';

/** Feature gates of client-go that change what a process does (client-go features/known_features.go). */
export interface ClientFeatures {
  readonly queue: DeltaQueueName;
  /** InOrderInformersBatchProcess (1.35): one pop takes up to 1000 deltas of distinct keys and stores them in one go. */
  readonly batch: boolean;
  /** AtomicFIFO (1.36): a relist is one item of the queue. */
  readonly atomicRelist: boolean;
  /** WatchListClient: starts and relists by one streaming WATCH instead of LIST and WATCH. */
  readonly streamingLists: boolean;
}

/** What a process of a Kubernetes release does unless told otherwise. */
export function clientFeatures(
  version: Scenario['kubernetesVersion'],
  process: string,
  queue: DeltaQueueName = 'RealFIFO',
): ClientFeatures {
  const inOrder = queue === 'RealFIFO';
  return {
    queue,
    batch: inOrder && version !== '1.34',
    atomicRelist: inOrder && version === '1.36',
    // On in all clients from 1.35; in 1.34 kube-controller-manager forces it on (cmd/kube-controller-manager/app/options).
    streamingLists: version !== '1.34' || process === 'kube-controller-manager',
  };
}
