import type { Generated } from "kysely"

/** 0 or 1: both dialects keep booleans as integers. */
export type Flag = number

interface EventTable {
  seq: Generated<number>
  /** PostgreSQL only: the transaction that appended it. */
  xid: Generated<number>
  type: string
  subject_kind: string
  subject_id: string
  workspace_id: string | null
  /** JSON of Actor. */
  actor: string
  at_ms: number
  /** JSON. */
  data: string
}

interface AuditTable {
  seq: Generated<number>
  operation: string
  subject_kind: string
  subject_id: string
  workspace_id: string | null
  actor_id: string
  /** JSON of Actor. */
  actor: string
  outcome: string
  at_ms: number
  /** JSON. */
  data: string
}

/** Named numbers of the journal: `events_pruned_through` is the highest sequence that was pruned. */
interface JournalMarkTable {
  name: string
  value: number
}

interface UserTable {
  id: string
  name: string
  email: string | null
  server_role: string | null
  frozen: Flag
  created_at_ms: number
  version: number
}

interface ApiKeyTable {
  id: string
  name: string
  description: string
  user_id: string
  prefix: string
  hash: string
  role: string | null
  generation: number
  workspace_id: string | null
  expires_at_ms: number | null
  revoked_at_ms: number | null
  created_at_ms: number
  last_used_at_ms: number | null
  is_session: Flag
}

interface PasswordTable {
  user_id: string
  /** Of kit/password.ts. */
  hash: string
  changed_at_ms: number
}

/** What tokens are signed with. */
interface SigningKeyTable {
  kid: string
  /** JSON of PublicJwk. */
  public_jwk: string
  sealed_private_key: string
  created_at_ms: number
}

interface MembershipTable {
  workspace_id: string
  user_id: string
  role: string
}

interface NodeTable {
  id: string
  cluster_id: string
  name: string
  workspace_id: string | null
  cordoned: Flag
  draining: Flag
  stuck: Flag
  first_seen_at_ms: number
  last_seen_at_ms: number
  removed_at_ms: number | null
  /** JSON of NodeFacts without the name. */
  facts: string
  version: number
}

interface WorkspaceTable {
  id: string
  key: string
  description: string
  /** JSON array of cluster ids, in order. */
  clusters: string
  /** JSON of WorkspacePolicy. */
  policy: string
  /** JSON array of namespaces. */
  namespaces: string
  /** JSON of Workspace.contact. */
  contact: string
  queue_paused: Flag
  state: string
  created_at_ms: number
  version: number
}

interface ClaimTable {
  id: string
  owner_kind: string
  owner_id: string
  owner_shown_id: string
  owner_user_id: string
  workspace_id: string
  state: string
  pods: number
  /** JSON of Amounts. */
  size: string
  /** JSON of Constraints. */
  constraints: string
  /** JSON of PodSet[]. */
  beside: string
  preemptible: Flag
  runs_for_ms: number | null
  priority: number
  rescheduled: Flag
  queued_at_ms: number
  /** JSON of Gate[]. */
  gates: string
  /** JSON of Placement[]. */
  placements: string
  /** JSON of Placement[]. */
  nominated: string
  reason: string | null
  reason_since_ms: number | null
  bound_at_ms: number | null
  releasing_at_ms: number | null
  release_deadline_ms: number | null
  version: number
}

/** One row, `all`: the switch of every queue. */
interface QueueControlTable {
  name: string
  paused: Flag
  paused_by: string | null
  since_ms: number | null
  restored_from_ms: number | null
}

/** What lists filter and sort by, and what moves; the wide rest is in `workload_spec`. */
interface WorkloadTable {
  key: string
  id: string
  uid: string
  workspace_id: string
  cluster_id: string
  kind: string
  display_name: string
  description: string
  user_id: string
  user_name: string
  as_server_owner: Flag
  priority: number
  phase: string
  cause: string | null
  dispatch_count: number
  failures: number
  preemptions: number
  node_losses: number
  start_deadlines: number
  claim_id: string | null
  attempt_id: string | null
  created_at_ms: number
  started_at_ms: number | null
  ended_at_ms: number | null
  deleted_at_ms: number | null
  hidden: Flag
  version: number
  /** Copies out of the spec, for sorting. */
  max_retry: number
  timeout_seconds: number | null
  ttl_seconds: number
  image: string
  is_supervised: Flag
  is_tolerate_all: Flag
  /** JSON of Condition[]. */
  conditions: string
  /** JSON of Rollout. */
  rollout: string | null
  /** JSON of Schedule. */
  schedule: string | null
}

/** Written once and by PATCH: up to a megabyte of script and environment that a phase change must not rewrite. */
interface WorkloadSpecTable {
  workload_key: string
  entry_point: string
  /** JSON of WorkloadSpec without the entry point. */
  spec: string
}

interface WorkloadDependencyTable {
  workload_key: string
  depends_on_id: string
}

/** How many workloads that are not hidden, kept in the transaction of every insert, move and prune. */
interface WorkloadCountTable {
  workspace_id: string
  phase: string
  kind: string
  cluster_id: string
  user_id: string
  user_name: string
  /** PostgreSQL only: whose counter it is; the sum over all is the count. */
  shard: Generated<number>
  n: number
}

interface AttemptTable {
  id: string
  workload_key: string
  claim_id: string
  cluster_id: string
  run: number
  state: string
  /** JSON of Pod[]. */
  pods: string
  /** JSON. */
  handle: string | null
  cause: string | null
  stop_message: string
  grace_ms: number
  assigned_at_ms: number
  started_at_ms: number | null
  ending_at_ms: number | null
  gone_at_ms: number | null
  version: number
}

interface ReplicaTable {
  id: string
  workload_key: string
  ordinal: number
  pod_id: string
  revision: number
  /** JSON of Amounts. */
  size: string
  state: string
  claim_id: string
  /** JSON of ReplicaPlace. */
  place: string | null
  attempt_id: string | null
  starts: number
  restarts: number
  crashes: number
  liveness_failures: number
  start_at_ms: number | null
  ready_since_ms: number | null
  pod_ip: string
  /** JSON. */
  leaving: string | null
  created_at_ms: number
  version: number
}

/** What revisions of an application started that pods may still run. */
interface RevisionTable {
  workload_key: string
  revision: number
  /** JSON of PodTemplate. */
  template: string
}

interface EndpointTable {
  workload_key: string
  workload_id: string
  workspace_id: string
  protocol: string
  type: string
  cluster_ip: string
  port: number
  target_port: number
  node_port: number | null
  created_at_ms: number
}

interface GpuRequestTable {
  id: string
  shown_id: string
  workspace_id: string
  user_id: string
  name: string
  /** JSON of GpuWish. */
  wish: string
  priority: number
  duration_ms: number
  idle_timeout_ms: number | null
  requeue_on_failure: Flag
  enable_eviction: Flag
  multi_node: Flag
  /** JSON of AutomaticFor. */
  automatic: string | null
  state: string
  created_at_ms: number
  started_at_ms: number | null
  ends_at_ms: number | null
  ended_at_ms: number | null
  /** JSON of HeldNode[]. */
  nodes: string
  place: number | null
  remaining_ms: number | null
  held_before_ms: number
  retries: number
  cause: string | null
  failure_reason: string
  /** Null while nothing was promised (`promised_at_ms` null), and where it was said that it cannot be met. */
  promised_start_ms: number | null
  promised_at_ms: number | null
  /** Null where no likely start was said. */
  promised_likely_ms: number | null
  estimate_start_ms: number | null
  estimate_at_ms: number | null
  idle_since_ms: number | null
  idle_ms: number
  version: number
}

interface NodeHoldTable {
  node_id: string
  request_id: string
  workspace_id: string
  state: string
  since_ms: number
  drain_deadline_ms: number | null
  until_ms: number
  automatic: Flag
  version: number
}

interface GpuTemplateTable {
  name: string
  workspace_id: string | null
  cluster_name: string
  gpus_per_node: number
  nodes: number
  memory_gib_per_gpu: number | null
  gpu_model: string
  instance_type: string
  duration_ms: number
  priority: number
  enforce_idle_timeout: Flag
  idle_timeout_ms: number | null
  enable_eviction: Flag
  requeue_on_failure: Flag
  created_at_ms: number
  version: number
}

interface GpuBindingTable {
  workspace_id: string
  /** JSON of GpuBinding.clusters. */
  clusters: string
  enable_automatic: Flag
  created_at_ms: number
  version: number
}

interface GpuPriceTable {
  gpu_model: string
  instance_type: string
  micros_per_gpu_hour: number
  currency: string
}

/** Clusters, jobs and services of Ray: columns for what rows are found by, the rest in the body. */
interface RayObjectTable {
  key: string
  kind: string
  namespace: string
  name: string
  workspace_id: string
  /** Its name is taken, and lists show it. */
  is_listed: Flag
  /** It is not over. */
  is_live: Flag
  ended_at_ms: number | null
  /** JSON of RayCluster, RayJob or RayService, without the version. */
  body: string
  version: number
}

interface RayPodTable {
  id: string
  cluster_key: string
  is_live: Flag
  cluster_id: string | null
  port_block: number | null
  ended_at_ms: number | null
  /** JSON of RayPod, without the version. */
  body: string
  version: number
}

interface RaySubmissionTable {
  cluster_key: string
  submission_id: string
  created_at_ms: number
  /** JSON of RaySubmission, without the log. */
  body: string
  log: string | null
}

interface RayEventTable {
  seq: Generated<number>
  id: string
  object_key: string
  type: string
  reason: string
  message: string
  count: number
  first_at_ms: number
  last_at_ms: number
}

interface RayTemplateTable {
  namespace: string
  name: string
  workspace_id: string
  /** JSON of ComputeTemplate. */
  body: string
}

interface RayConfigEntryTable {
  kind: string
  namespace: string
  name: string
  workspace_id: string
  /** JSON of ConfigEntry, without the version; values of secrets are sealed. */
  body: string
  version: number
}

interface ServiceRecordTable {
  /** 32 hex digits, as all ids of these tables. */
  id: string
  workspace_id: string
  user_id: string | null
  name: string
  type: string
  flavor: string
  pipeline_name: string | null
  pipeline_step_name: string | null
  state: string | null
  model_version_id: string | null
  pipeline_run_id: string | null
  created_at_us: number
  updated_at_us: number
  /** SHA-256 of `config`, lower-case hex. */
  config_hash: string
  /** JsonText. */
  config: string
  /** JSON of what lists show and nothing is looked for by. */
  body: string
  /** JSON of what only a whole record shows, but for the config; null: it stands in `body`, as it did once. */
  details: string | null
  /** The key of what it follows. */
  joined: string | null
  version: number
}

/** How many records, kept in the transaction of every insert and delete. */
interface ServiceCountTable {
  workspace_id: string
  /** '' = nobody. */
  user_id: string
  /** Tells types and flavors apart, however long they are. */
  sort: string
  type: string
  flavor: string
  /** PostgreSQL only, as in `workload_count`. */
  shard: Generated<number>
  n: number
}

interface ServiceWatchTable {
  service_id: string
  workspace_id: string
  /** JSON of ServiceWatch, without the version. */
  body: string
  version: number
}

interface ServiceHistoryTable {
  service_id: string
  seq: number
  /** JSON of WatchEntry, without seq. */
  body: string
}

interface PipelineRunTable {
  id: string
  workspace_id: string
  /** JSON of PipelineRun, without the version. */
  body: string
  version: number
}

interface ModelVersionTable {
  id: string
  workspace_id: string
  model_name: string
  number: number
  /** JSON of ModelVersion, without the version. */
  body: string
  version: number
}

interface IdempotencyTable {
  user_id: string
  /** SHA-256 of method and path. */
  route: string
  key: string
  body_hash: string
  /** JSON of KeptAnswer. */
  answer: string | null
  created_at_ms: number
}

/** The tables, as both dialects have them; `migrations/` makes them and `schema.sql` shows the outcome. */
export interface Database {
  event: EventTable
  audit: AuditTable
  journal_mark: JournalMarkTable
  user: UserTable
  api_key: ApiKeyTable
  password: PasswordTable
  signing_key: SigningKeyTable
  membership: MembershipTable
  node: NodeTable
  workspace: WorkspaceTable
  claim: ClaimTable
  queue_control: QueueControlTable
  workload: WorkloadTable
  workload_spec: WorkloadSpecTable
  workload_dependency: WorkloadDependencyTable
  workload_count: WorkloadCountTable
  attempt: AttemptTable
  replica: ReplicaTable
  revision: RevisionTable
  endpoint: EndpointTable
  gpu_request: GpuRequestTable
  node_hold: NodeHoldTable
  gpu_template: GpuTemplateTable
  gpu_binding: GpuBindingTable
  gpu_price: GpuPriceTable
  ray_object: RayObjectTable
  ray_pod: RayPodTable
  ray_submission: RaySubmissionTable
  ray_event: RayEventTable
  ray_template: RayTemplateTable
  ray_config_entry: RayConfigEntryTable
  service_record: ServiceRecordTable
  service_count: ServiceCountTable
  service_watch: ServiceWatchTable
  service_history: ServiceHistoryTable
  pipeline_run: PipelineRunTable
  model_version: ModelVersionTable
  idempotency: IdempotencyTable
}
