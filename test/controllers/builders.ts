import type { KubernetesObject } from '../../src/api/meta.js';

/** Metadata of an object to create. */
export function meta(name: string, namespace = 'default', labels?: Record<string, string>): KubernetesObject['metadata'] {
  return {
    name,
    namespace,
    uid: '',
    resourceVersion: 0,
    generation: 0,
    creationTimestamp: 0,
    ...(labels === undefined ? {} : { labels }),
  };
}

/** A pod template with one container of an image. */
export function template(image: string, labels: Record<string, string> = { app: 'a' }) {
  return {
    metadata: { labels },
    spec: {
      containers: [
        {
          name: 'app',
          image,
          imagePullPolicy: 'IfNotPresent' as const,
          ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' as const }],
        },
      ],
      schedulerName: 'default-scheduler',
      restartPolicy: 'Always' as const,
      terminationGracePeriodSeconds: 5,
    },
  };
}
