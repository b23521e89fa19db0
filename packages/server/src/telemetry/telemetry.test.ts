import { afterEach, expect, it } from "vitest"
import { createTelemetry, type Telemetry } from "./telemetry.ts"

const noRay = () => ({
  clusters: [],
  pods: {},
  jobs: [],
  services: [],
  clustersFailed: 0,
  headsFailed: 0,
  jobsEnded: {},
})
const noRequests = () => ({ requests: [], workspaces: [], nodes: {} })
const aGpu = {
  cluster: "local",
  node: "n1",
  index: 0,
  utilisationPercent: null,
  temperatureC: 40,
  powerW: null,
  isFaulty: false,
}
let telemetry: Telemetry | undefined
afterEach(() => telemetry?.close())

it("shows every figure that was told, with its labels", async () => {
  telemetry = createTelemetry()
  telemetry.requestDone({ family: "workloads", operation: "workload.create", status: 200 }, 0.004)
  telemetry.commitDone({ closures: 12, durationMs: 3 })
  telemetry.planCommitted({ admitted: 5, preempted: 2, lost: 1 })
  telemetry.streamsOpen(7)
  telemetry.gpuPlanCommitted({ provisioned: 4, lost: 1, planMs: 2 })
  telemetry.gpuRequestStarted({ band: "low", waitSeconds: 30, errorSeconds: -20, likelyErrorSeconds: -7 })
  telemetry.gpuRequestStarted({ band: "low", waitSeconds: 5, errorSeconds: null, likelyErrorSeconds: null })
  telemetry.observe({
    queues: () => [{ workspaceId: "team-a", depth: 3, oldestAgeMs: 1500 }],
    pods: () => ({ Running: 4 }),
    gpus: () => [
      { ...aGpu, index: 0, utilisationPercent: 97, powerW: 655.1, isFaulty: true },
      { ...aGpu, index: 1 },
    ],
    ray: () => ({
      clusters: [{ workspaceId: "team-a", state: "ready", count: 3 }],
      pods: { running: 7 },
      jobs: [{ workspaceId: "team-a", state: "Running", count: 2 }],
      services: [{ workspaceId: "team-b", state: "", count: 1 }],
      clustersFailed: 1,
      headsFailed: 4,
      jobsEnded: { Complete: 5, Failed: 6 },
    }),
    gpuRequests: () => ({
      requests: [{ workspaceId: "team-a", band: "low", state: "queued", count: 2 }],
      workspaces: [
        {
          workspaceId: "team-a",
          heldGpus: 16,
          idleGpus: 8,
          longestIdleMs: 90_500,
          ended: 3,
          heldMs: 7_200_000,
          usedMs: 3_600_500,
        },
      ],
      nodes: { free: 1, held: 2, draining: 0 },
    }),
    services: () => ({
      listeners: 3,
      accepted: 10,
      refused: 2,
      unanswered: 1,
      byWorkspace: [
        { workspaceId: "team-a", connections: 4 },
        { workspaceId: "team-a", connections: 5 },
        { workspaceId: "team-b", connections: 0 },
      ],
    }),
  })
  const text = await telemetry.text()
  for (const line of [
    'berth_http_request_duration_seconds_count{family="workloads",operation="workload.create",status="200"} 1',
    'berth_http_request_duration_seconds_bucket{le="0.0025",family="workloads",operation="workload.create",status="200"} 0',
    'berth_http_request_duration_seconds_bucket{le="0.005",family="workloads",operation="workload.create",status="200"} 1',
    "berth_store_commit_closures_sum 12",
    "berth_store_commit_duration_seconds_sum 0.003",
    "berth_scheduler_admissions_total 5",
    "berth_scheduler_preemptions_total 2",
    "berth_http_streams 7",
    'berth_queue_depth{workspace="team-a"} 3',
    'berth_queue_oldest_age_seconds{workspace="team-a"} 1.5',
    'berth_pods{phase="Running"} 4',
    'berth_service_connections{workspace="team-a"} 9',
    'berth_service_connections{workspace="team-b"} 0',
    "berth_service_listeners 3",
    'berth_gpu_utilisation_ratio{cluster="local",node="n1",gpu="0"} 0.97',
    'berth_gpu_power_watts{cluster="local",node="n1",gpu="0"} 655.1',
    'berth_gpu_temperature_celsius{cluster="local",node="n1",gpu="1"} 40',
    'berth_gpu_faulty{cluster="local",node="n1",gpu="0"} 1',
    'berth_gpu_faulty{cluster="local",node="n1",gpu="1"} 0',
    'berth_gpu_request_wait_seconds_sum{band="low"} 35',
    'berth_gpu_request_wait_seconds_bucket{le="10",band="low"} 1',
    'berth_gpu_request_estimate_error_seconds_sum{band="low"} 20',
    'berth_gpu_request_estimate_signed_error_seconds_sum{band="low"} -20',
    'berth_gpu_request_estimate_signed_error_seconds_bucket{le="-60",band="low"} 0',
    'berth_gpu_request_estimate_signed_error_seconds_bucket{le="-1",band="low"} 1',
    'berth_gpu_request_estimate_signed_error_seconds_count{band="low"} 1',
    "berth_gpu_plan_duration_seconds_sum 0.002",
    "berth_gpu_plan_provisions_total 4",
    "berth_gpu_plan_lost_total 1",
    'berth_gpu_requests{workspace="team-a",band="low",state="queued"} 2',
    'berth_gpu_held{workspace="team-a"} 16',
    'berth_gpu_held_idle{workspace="team-a"} 8',
    'berth_gpu_held_idle_longest_seconds{workspace="team-a"} 90.5',
    'berth_gpu_requests_ended_total{workspace="team-a"} 3',
    'berth_gpu_request_held_seconds_total{workspace="team-a"} 7200',
    'berth_gpu_request_used_seconds_total{workspace="team-a"} 3600.5',
    'berth_ray_clusters{workspace="team-a",state="ready"} 3',
    'berth_ray_pods{state="running"} 7',
    'berth_ray_jobs{workspace="team-a",state="Running"} 2',
    'berth_ray_services{workspace="team-b"} 1',
    "berth_ray_clusters_failed_total 1",
    "berth_ray_head_failures_total 4",
    'berth_ray_jobs_ended_total{state="Complete"} 5',
    'berth_ray_jobs_ended_total{state="Failed"} 6',
    'berth_gpu_nodes{state="free"} 1',
    'berth_gpu_nodes{state="draining"} 0',
    "berth_service_accepted_total 10",
    "berth_service_refused_total 2",
    "berth_service_unanswered_total 1",
  ])
    expect(text).toContain(line)
  expect(text).not.toContain('berth_gpu_power_watts{cluster="local",node="n1",gpu="1"}')
  expect(text).toMatch(/process_resident_memory_bytes \d{6,}/)
  expect(text).toMatch(/berth_event_loop_lag_max_seconds \d/)
})

it("shows at most 1,024 GPUs", async () => {
  telemetry = createTelemetry()
  telemetry.observe({
    queues: () => [],
    pods: () => ({}),
    services: () => ({ listeners: 0, accepted: 0, refused: 0, unanswered: 0, byWorkspace: [] }),
    gpuRequests: noRequests,
    ray: noRay,
    gpus: () => Array.from({ length: 1100 }, (_, index) => ({ ...aGpu, index })),
  })
  expect((await telemetry.text()).match(/^berth_gpu_faulty\{/gm)).toHaveLength(1024)
})

it("drops the series of a workspace that is gone", async () => {
  telemetry = createTelemetry()
  let queues = [{ workspaceId: "gone", depth: 1, oldestAgeMs: 0 }]
  const services = () => ({ listeners: 0, accepted: 0, refused: 0, unanswered: 0, byWorkspace: [] })
  telemetry.observe({
    queues: () => queues,
    pods: () => ({}),
    services,
    gpus: () => [],
    gpuRequests: noRequests,
    ray: noRay,
  })
  expect(await telemetry.text()).toContain('workspace="gone"')
  queues = []
  expect(await telemetry.text()).not.toContain("gone")
})

it("keeps two servers of one process apart", async () => {
  telemetry = createTelemetry()
  const other = createTelemetry()
  other.planCommitted({ admitted: 9, preempted: 0, lost: 0 })
  expect(await telemetry.text()).toContain("berth_scheduler_admissions_total 0")
  other.close()
})
