/**
 * Names of fields by type (k8s.io/api v0.34 to v0.37): those that the models read and those that are only kept. Anything else
 * is a misspelling, which `kubectl apply` refuses too (strict field validation).
 */
export interface KnownFields {
  readonly modelled: ReadonlySet<string>;
  readonly others: ReadonlySet<string>;
}

function fields(modelled: string, others = ''): KnownFields {
  return { modelled: words(modelled), others: words(others) };
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/).filter((word) => word !== ''));
}

export const object = fields('apiVersion kind metadata spec status');
export const endpoints = fields('apiVersion kind metadata subsets');
export const endpointSubset = fields('addresses notReadyAddresses ports');
export const endpointAddress = fields('ip nodeName targetRef', 'hostname');
export const endpointPort = fields('name port protocol', 'appProtocol');
export const metadata = fields(
  'name namespace generateName uid resourceVersion generation creationTimestamp deletionTimestamp deletionGracePeriodSeconds labels annotations ownerReferences finalizers',
  'managedFields selfLink clusterName',
);
export const template = fields('metadata spec');
export const podSpec = fields(
  `containers initContainers nodeName nodeSelector affinity tolerations topologySpreadConstraints schedulerName schedulingGates
   priority priorityClassName preemptionPolicy restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds hostNetwork
   serviceAccountName serviceAccount overhead resources volumes resourceClaims hostname subdomain dnsPolicy`,
  `automountServiceAccountToken dnsConfig enableServiceLinks ephemeralContainers hostAliases hostIPC hostPID hostUsers
   hostnameOverride imagePullSecrets os readinessGates runtimeClassName securityContext setHostnameAsFQDN
   shareProcessNamespace workloadRef schedulingGroup evictionResponders`,
);
export const container = fields(
  `name image imagePullPolicy command args ports env resources readinessProbe livenessProbe startupProbe lifecycle restartPolicy
   volumeMounts`,
  `envFrom resizePolicy restartPolicyRules securityContext stdin stdinOnce terminationMessagePath terminationMessagePolicy tty
   volumeDevices workingDir`,
);
export const containerPort = fields('name containerPort hostPort hostIP protocol');
export const variable = fields('name value valueFrom');
export const resources = fields('requests limits claims');
export const probe = fields(
  'initialDelaySeconds periodSeconds timeoutSeconds successThreshold failureThreshold terminationGracePeriodSeconds',
  'httpGet tcpSocket exec grpc',
);
export const toleration = fields('key operator value effect tolerationSeconds');
export const spread = fields(
  'maxSkew topologyKey whenUnsatisfiable labelSelector minDomains nodeAffinityPolicy nodeTaintsPolicy matchLabelKeys',
);
export const volume = fields(
  'name persistentVolumeClaim ephemeral configMap secret',
  `awsElasticBlockStore azureDisk azureFile cephfs cinder csi downwardAPI emptyDir fc flexVolume flocker gcePersistentDisk gitRepo
   glusterfs hostPath image iscsi nfs photonPersistentDisk portworxVolume projected quobyte rbd scaleIO storageos
   vsphereVolume`,
);
export const affinity = fields('nodeAffinity podAffinity podAntiAffinity');
export const affinityTerms = fields(
  'requiredDuringSchedulingIgnoredDuringExecution preferredDuringSchedulingIgnoredDuringExecution',
);
export const affinityTerm = fields(
  'labelSelector namespaces namespaceSelector topologyKey matchLabelKeys mismatchLabelKeys',
);
export const selector = fields('matchLabels matchExpressions');
export const nodeSelectorTerm = fields('matchExpressions matchFields');
export const deploymentSpec = fields(
  'replicas selector template strategy minReadySeconds revisionHistoryLimit progressDeadlineSeconds paused',
);
export const deploymentStrategy = fields('type rollingUpdate');
export const rollingUpdate = fields('maxSurge maxUnavailable');
export const replicaSetSpec = fields('replicas selector template minReadySeconds');
export const serviceSpec = fields(
  `type selector ports clusterIP externalName sessionAffinity externalTrafficPolicy internalTrafficPolicy
   publishNotReadyAddresses trafficDistribution`,
  `allocateLoadBalancerNodePorts clusterIPs externalIPs healthCheckNodePort ipFamilies ipFamilyPolicy loadBalancerClass
   loadBalancerIP loadBalancerSourceRanges sessionAffinityConfig`,
);
export const servicePort = fields('name port targetPort nodePort protocol', 'appProtocol');
export const nodeSpec = fields(
  'podCIDR providerID unschedulable taints',
  'podCIDRs configSource externalID podPreemptionPolicy',
);
export const taint = fields('key value effect timeAdded');
