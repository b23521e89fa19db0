CREATE TABLE api_key (
  id text not null primary key,
  name text not null,
  user_id text not null references "user" (id),
  prefix text not null,
  hash text not null unique,
  role text,
  workspace_id text,
  expires_at_ms integer,
  revoked_at_ms integer,
  created_at_ms integer not null,
  last_used_at_ms integer
, description text not null default '', generation integer not null default 1, is_session integer not null default 0) strict;

CREATE INDEX api_key_by_user on api_key (user_id);

CREATE INDEX api_key_session_by_end on api_key (expires_at_ms) where is_session = 1;

CREATE TABLE attempt (
  id text not null primary key,
  workload_key text not null references workload ("key"),
  claim_id text not null,
  cluster_id text not null,
  run integer not null,
  state text not null,
  pods text not null,
  handle text,
  cause text,
  stop_message text not null,
  grace_ms integer not null,
  assigned_at_ms integer not null,
  started_at_ms integer,
  ending_at_ms integer,
  gone_at_ms integer,
  version integer not null
) strict;

CREATE INDEX attempt_by_workload on attempt (workload_key, run);

CREATE INDEX attempt_live on attempt (state) where state <> 'gone';

CREATE TABLE audit (
  seq integer primary key autoincrement,
  operation text not null,
  subject_kind text not null,
  subject_id text not null,
  workspace_id text,
  actor_id text not null,
  actor text not null,
  outcome text not null,
  at_ms integer not null,
  data text not null
) strict;

CREATE INDEX audit_by_actor on audit (actor_id, seq);

CREATE TABLE claim (
  id text not null primary key,
  owner_kind text not null,
  owner_id text not null,
  owner_shown_id text not null,
  owner_user_id text not null,
  workspace_id text not null,
  state text not null,
  pods integer not null,
  size text not null,
  constraints text not null,
  preemptible integer not null,
  priority integer not null,
  rescheduled integer not null,
  queued_at_ms integer not null,
  gates text not null,
  placements text not null,
  nominated text not null,
  reason text,
  reason_since_ms integer,
  bound_at_ms integer,
  releasing_at_ms integer,
  release_deadline_ms integer,
  version integer not null
, runs_for_ms integer, beside text not null default '[]') strict;

CREATE INDEX claim_by_owner on claim (owner_kind, owner_id, state);

CREATE INDEX claim_live on claim (workspace_id) where state <> 'gone';

CREATE TABLE endpoint (
  workload_key text not null primary key references workload ("key"),
  workload_id text not null,
  workspace_id text not null,
  protocol text not null,
  type text not null,
  cluster_ip text not null,
  port integer not null,
  target_port integer not null,
  node_port integer,
  created_at_ms integer not null
) strict;

CREATE UNIQUE INDEX endpoint_by_cluster_ip on endpoint (cluster_ip);

CREATE UNIQUE INDEX endpoint_by_node_port on endpoint (node_port);

CREATE TABLE event (
  seq integer primary key autoincrement,
  type text not null,
  subject_kind text not null,
  subject_id text not null,
  workspace_id text,
  actor text not null,
  at_ms integer not null,
  data text not null
) strict;

CREATE INDEX event_by_subject on event (subject_kind, subject_id, seq);

CREATE INDEX event_by_workspace on event (workspace_id, seq);

CREATE TABLE gpu_binding (
  workspace_id text not null primary key,
  clusters text not null,
  enable_automatic integer not null,
  created_at_ms integer not null,
  version integer not null
) strict;

CREATE TABLE gpu_price (
  gpu_model text not null,
  instance_type text not null,
  micros_per_gpu_hour integer not null,
  currency text not null,
  primary key (gpu_model, instance_type)
) strict;

CREATE TABLE gpu_request (
  id text not null primary key,
  shown_id text not null,
  workspace_id text not null,
  user_id text not null,
  name text not null,
  wish text not null,
  priority integer not null,
  duration_ms integer not null,
  idle_timeout_ms integer,
  requeue_on_failure integer not null,
  enable_eviction integer not null,
  multi_node integer not null,
  automatic text,
  state text not null,
  created_at_ms integer not null,
  started_at_ms integer,
  ends_at_ms integer,
  ended_at_ms integer,
  nodes text not null,
  place integer,
  remaining_ms integer,
  held_before_ms integer not null,
  retries integer not null,
  cause text,
  failure_reason text not null,
  promised_start_ms integer,
  promised_at_ms integer,
  estimate_start_ms integer,
  estimate_at_ms integer,
  idle_since_ms integer,
  idle_ms integer not null,
  version integer not null
, promised_likely_ms integer) strict;

CREATE INDEX gpu_request_by_creation on gpu_request (created_at_ms, id, workspace_id, state);

CREATE INDEX gpu_request_by_end on gpu_request (ended_at_ms, started_at_ms, workspace_id, id)
  where ended_at_ms is not null;

CREATE UNIQUE INDEX gpu_request_by_place on gpu_request (workspace_id, place) where place is not null;

CREATE UNIQUE INDEX gpu_request_by_shown_id on gpu_request (shown_id);

CREATE INDEX gpu_request_by_start on gpu_request (started_at_ms) where started_at_ms is not null;

CREATE INDEX gpu_request_by_workspace on gpu_request (workspace_id, shown_id) where state <> 'cancelled';

CREATE INDEX gpu_request_by_workspace_creation on gpu_request (workspace_id, created_at_ms, id, state);

CREATE INDEX gpu_request_live on gpu_request (workspace_id, state, created_at_ms, id)
  where state in ('queued', 'provisioned');

CREATE TABLE gpu_template (
  name text not null primary key,
  workspace_id text,
  cluster_name text not null,
  gpus_per_node integer not null,
  nodes integer not null,
  memory_gib_per_gpu integer,
  gpu_model text not null,
  instance_type text not null,
  duration_ms integer not null,
  priority integer not null,
  enforce_idle_timeout integer not null,
  idle_timeout_ms integer,
  enable_eviction integer not null,
  requeue_on_failure integer not null,
  created_at_ms integer not null,
  version integer not null
) strict;

CREATE TABLE idempotency (
  user_id text not null,
  route text not null,
  "key" text not null,
  body_hash text not null,
  answer text,
  created_at_ms integer not null,
  primary key (user_id, route, "key")
) strict;

CREATE INDEX idempotency_by_age on idempotency (created_at_ms);

CREATE TABLE journal_mark (
  name text not null primary key,
  value integer not null
) strict;

CREATE TABLE membership (
  workspace_id text not null,
  user_id text not null references "user" (id),
  role text not null,
  primary key (workspace_id, user_id)
) strict;

CREATE TABLE model_version (
  id text not null primary key,
  workspace_id text not null,
  model_name text not null,
  number integer not null,
  body text not null,
  version integer not null
) strict;

CREATE UNIQUE INDEX model_version_by_number on model_version (workspace_id, model_name, number);

CREATE TABLE node (
  id text not null primary key,
  cluster_id text not null,
  name text not null,
  workspace_id text,
  cordoned integer not null,
  draining integer not null,
  stuck integer not null,
  first_seen_at_ms integer not null,
  last_seen_at_ms integer not null,
  removed_at_ms integer,
  facts text not null,
  version integer not null
) strict;

CREATE UNIQUE INDEX node_by_name on node (cluster_id, name) where removed_at_ms is null;

CREATE TABLE node_hold (
  node_id text not null primary key,
  request_id text not null,
  workspace_id text not null,
  state text not null,
  since_ms integer not null,
  drain_deadline_ms integer,
  until_ms integer not null,
  automatic integer not null,
  version integer not null
) strict;

CREATE INDEX node_hold_by_request on node_hold (request_id);

CREATE INDEX node_hold_by_workspace on node_hold (workspace_id);

CREATE TABLE password (
  user_id text not null primary key,
  hash text not null,
  changed_at_ms integer not null
) strict;

CREATE TABLE pipeline_run (
  id text not null primary key,
  workspace_id text not null,
  body text not null,
  version integer not null
) strict;

CREATE INDEX pipeline_run_by_workspace on pipeline_run (workspace_id, id);

CREATE TABLE queue_control (
  name text not null primary key,
  paused integer not null,
  paused_by text,
  since_ms integer
, restored_from_ms integer) strict;

CREATE TABLE ray_config_entry (
  kind text not null,
  namespace text not null,
  name text not null,
  workspace_id text not null,
  body text not null,
  version integer not null,
  primary key (kind, namespace, name)
) strict;

CREATE TABLE ray_event (
  seq integer primary key autoincrement,
  id text not null,
  object_key text not null,
  type text not null,
  reason text not null,
  message text not null,
  count integer not null,
  first_at_ms integer not null,
  last_at_ms integer not null
) strict;

CREATE INDEX ray_event_by_age on ray_event (last_at_ms, object_key);

CREATE INDEX ray_event_by_object on ray_event (object_key, seq);

CREATE TABLE ray_object (
  "key" text not null primary key,
  kind text not null,
  namespace text not null,
  name text not null,
  workspace_id text not null,
  is_listed integer not null,
  is_live integer not null,
  ended_at_ms integer,
  body text not null,
  version integer not null
) strict;

CREATE INDEX ray_object_by_end on ray_object (kind, ended_at_ms, "key") where is_live = 0;

CREATE UNIQUE INDEX ray_object_by_name on ray_object (kind, namespace, name) where is_listed = 1;

CREATE INDEX ray_object_live on ray_object (kind, workspace_id, "key") where is_live = 1;

CREATE TABLE ray_pod (
  id text not null primary key,
  cluster_key text not null,
  is_live integer not null,
  cluster_id text,
  port_block integer,
  ended_at_ms integer,
  body text not null,
  version integer not null
) strict;

CREATE INDEX ray_pod_by_cluster on ray_pod (cluster_key, id);

CREATE INDEX ray_pod_by_end on ray_pod (ended_at_ms) where is_live = 0;

CREATE UNIQUE INDEX ray_pod_by_port_block on ray_pod (cluster_id, port_block)
  where is_live = 1 and port_block is not null;

CREATE INDEX ray_pod_live on ray_pod (cluster_key, id) where is_live = 1;

CREATE TABLE ray_submission (
  cluster_key text not null,
  submission_id text not null,
  created_at_ms integer not null,
  body text not null,
  log text,
  primary key (cluster_key, submission_id)
) strict;

CREATE TABLE ray_template (
  namespace text not null,
  name text not null,
  workspace_id text not null,
  body text not null,
  primary key (namespace, name)
) strict;

CREATE TABLE replica (
  id text not null primary key,
  workload_key text not null references workload ("key"),
  ordinal integer not null,
  pod_id text not null,
  revision integer not null,
  size text not null,
  state text not null,
  claim_id text not null,
  place text,
  attempt_id text,
  starts integer not null,
  restarts integer not null,
  crashes integer not null,
  liveness_failures integer not null,
  start_at_ms integer,
  ready_since_ms integer,
  pod_ip text not null,
  leaving text,
  created_at_ms integer not null,
  version integer not null
) strict;

CREATE UNIQUE INDEX replica_by_claim on replica (claim_id);

CREATE UNIQUE INDEX replica_by_workload on replica (workload_key, ordinal);

CREATE TABLE revision (
  workload_key text not null references workload ("key"),
  revision integer not null,
  template text not null,
  primary key (workload_key, revision)
) strict;

CREATE TABLE schema_version (
  version integer not null primary key,
  name text not null,
  applied_at_ms integer not null
) strict;

CREATE TABLE service_count (
  workspace_id text not null,
  user_id text not null,
  sort text not null,
  type text not null,
  flavor text not null,
  n integer not null,
  primary key (workspace_id, user_id, sort)
) strict;

CREATE TABLE service_history (
  service_id text not null,
  seq integer not null,
  body text not null,
  primary key (service_id, seq)
) strict;

CREATE TABLE "service_record" (
  id text not null primary key,
  workspace_id text not null,
  user_id text,
  name text not null,
  type text not null,
  flavor text not null,
  pipeline_name text,
  pipeline_step_name text,
  state text,
  model_version_id text,
  pipeline_run_id text,
  joined text,
  created_at_us integer not null,
  updated_at_us integer not null,
  version integer not null,
  body text not null,
  config_hash text not null,
  details text,
  config text not null
) strict;

CREATE INDEX service_record_by_age on service_record (created_at_us, id);

CREATE UNIQUE INDEX service_record_by_config on service_record (config_hash);

CREATE INDEX service_record_by_joined on service_record (joined) where joined is not null;

CREATE INDEX service_record_by_model_version on service_record (model_version_id)
  where model_version_id is not null;

CREATE INDEX service_record_by_name on service_record (workspace_id, lower(name), id, created_at_us);

CREATE INDEX service_record_by_pipeline on service_record
  (workspace_id, substr(pipeline_name, 1, 200), created_at_us, id, pipeline_name, pipeline_step_name, type, flavor) where pipeline_name is not null;

CREATE INDEX service_record_by_run on service_record (pipeline_run_id) where pipeline_run_id is not null;

CREATE INDEX service_record_by_update on service_record (workspace_id, updated_at_us, id, created_at_us);

CREATE INDEX service_record_by_workspace on service_record
  (workspace_id, created_at_us, id, name, user_id, model_version_id, pipeline_run_id, type, flavor, pipeline_name, pipeline_step_name);

CREATE INDEX service_record_in_name_order on service_record (workspace_id, name, id) where version > 0;

CREATE TABLE service_watch (
  service_id text not null primary key,
  workspace_id text not null,
  body text not null,
  version integer not null
) strict;

CREATE TABLE signing_key (
  kid text not null primary key,
  public_jwk text not null,
  sealed_private_key text not null,
  created_at_ms integer not null
) strict;

CREATE TABLE "user" (
  id text not null primary key,
  name text not null unique,
  email text,
  server_role text,
  frozen integer not null,
  created_at_ms integer not null,
  version integer not null
) strict;

CREATE TABLE workload (
  "key" text not null primary key,
  id text not null,
  uid text not null,
  workspace_id text not null,
  cluster_id text not null,
  kind text not null,
  display_name text not null,
  description text not null,
  user_id text not null,
  user_name text not null,
  as_server_owner integer not null,
  priority integer not null,
  phase text not null,
  cause text,
  dispatch_count integer not null,
  failures integer not null,
  preemptions integer not null,
  node_losses integer not null,
  start_deadlines integer not null,
  claim_id text,
  attempt_id text,
  created_at_ms integer not null,
  started_at_ms integer,
  ended_at_ms integer,
  deleted_at_ms integer,
  hidden integer not null,
  version integer not null,
  max_retry integer not null,
  timeout_seconds integer,
  ttl_seconds integer not null,
  image text not null,
  is_supervised integer not null,
  is_tolerate_all integer not null,
  conditions text not null
, rollout text, schedule text) strict;

CREATE INDEX workload_awaiting_ttl on workload (deleted_at_ms, ended_at_ms)
  where deleted_at_ms is null and ended_at_ms is not null;

CREATE INDEX workload_by_creation on workload
  (created_at_ms desc, id, workspace_id, phase, kind, cluster_id, user_id, "key") where hidden = 0;

CREATE INDEX workload_by_end on workload
  (ended_at_ms desc, created_at_ms desc, id, workspace_id, phase, hidden, "key");

CREATE UNIQUE INDEX workload_by_id on workload (id);

CREATE INDEX workload_by_phase on workload (phase, created_at_ms desc, id);

CREATE INDEX workload_by_start on workload
  (started_at_ms desc, created_at_ms desc, id, workspace_id, phase, hidden, "key");

CREATE INDEX workload_by_user on workload
  (user_id, created_at_ms desc, id, workspace_id, kind, cluster_id, user_name, display_name, priority, max_retry,
   timeout_seconds, ttl_seconds, is_supervised, is_tolerate_all, image, description, "key")
  where hidden = 0;

CREATE INDEX workload_by_workspace on workload
  (workspace_id, created_at_ms desc, id, phase, kind, cluster_id, user_id, "key") where hidden = 0;

CREATE TABLE workload_count (
  workspace_id text not null,
  phase text not null,
  kind text not null,
  cluster_id text not null,
  user_id text not null,
  user_name text not null,
  n integer not null,
  primary key (workspace_id, phase, kind, cluster_id, user_id, user_name)
) strict;

CREATE TABLE workload_dependency (
  workload_key text not null references workload ("key"),
  depends_on_id text not null,
  primary key (workload_key, depends_on_id)
) strict;

CREATE INDEX workload_dependency_by_target on workload_dependency (depends_on_id, workload_key);

CREATE TABLE workload_spec (
  workload_key text not null primary key references workload ("key"),
  entry_point text not null,
  spec text not null
) strict;

CREATE TABLE workspace (
  id text not null primary key,
  "key" text not null unique,
  description text not null,
  clusters text not null,
  policy text not null,
  queue_paused integer not null,
  state text not null,
  created_at_ms integer not null,
  version integer not null
, namespaces text not null default '[]', contact text not null default '{"name":"","email":""}') strict;
